#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "app/doctor/parts.h"

namespace inc::app::doctor {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";

std::vector<std::string> policies(const Host& host) {
  std::vector<std::string> found;
  for (const std::string& name : host.entries(std::string(kCpus) + "/cpufreq"))
    if (name.starts_with("policy")) found.push_back(fmt::format("{}/cpufreq/{}", kCpus, name));
  return found;
}

template <class T>
Known<T> no_policies() {
  return Known<T>::unknown(fmt::format("{}/cpufreq: no policies", kCpus));
}

/// GHz, from a file in kHz.
Known<double> of_first(const Host& host, const std::vector<std::string>& folders, const std::string& file) {
  if (folders.empty()) return no_policies<double>();
  const auto khz = host.number(folders.front() + "/" + file);
  return khz ? Known<double>(1e-6 * static_cast<double>(*khz)) : Known<double>::unknown(khz.why_not());
}

/// The value that all policies share, or how many have which.
Known<std::string> over_policies(const Host& host, const std::vector<std::string>& folders, const std::string& file) {
  if (folders.empty()) return no_policies<std::string>();
  std::map<std::string, int> counts;
  for (const std::string& folder : folders) {
    const auto value = host.text(folder + "/" + file);
    if (!value) return value;
    ++counts[*value];
  }
  if (counts.size() == 1) return counts.begin()->first;
  std::string all;
  for (const auto& [value, count] : counts) all += fmt::format("{}{} {}", all.empty() ? "" : ", ", value, count);
  return all;
}

Known<bool> turbo(const Host& host) {
  if (const auto off = host.number(std::string(kCpus) + "/intel_pstate/no_turbo")) return *off == 0;
  const auto on = host.number(std::string(kCpus) + "/cpufreq/boost");
  if (on) return *on != 0;
  return Known<bool>::unknown(fmt::format("neither intel_pstate/no_turbo nor cpufreq/boost below {}", kCpus));
}

/// The last state that is not disabled.
void read_idle(const Host& host, Power& power) {
  const std::string folder = std::string(kCpus) + "/cpu0/cpuidle";
  power.deepest_idle = Known<std::string>::unknown(folder + ": no states");
  power.deepest_idle_us = Known<std::int64_t>::unknown(power.deepest_idle.why_not());
  power.idle_driver = host.text(std::string(kCpus) + "/cpuidle/current_driver");
  for (const std::string& state : host.entries(folder)) {
    if (host.number(folder + "/" + state + "/disable").value_or(0) != 0) continue;
    const auto name = host.text(folder + "/" + state + "/name");
    const auto latency = host.number(folder + "/" + state + "/latency");
    if (!name || !latency || *latency < power.deepest_idle_us.value_or(-1)) continue;
    power.deepest_idle = name;
    power.deepest_idle_us = latency;
  }
}

Known<std::int64_t> of_meminfo(const Host& host, std::string_view key) {
  for (const std::string& line : host.lines("/proc/meminfo"))
    if (line.starts_with(key)) {
      std::istringstream words(line.substr(key.size()));
      std::int64_t kib = 0;
      if (words >> kib) return kib * 1024;
    }
  return Known<std::int64_t>::unknown(fmt::format("/proc/meminfo: no {}", key));
}

/// "always [madvise] never": the one in brackets.
Known<std::string> chosen(const Host& host, const std::string& path) {
  const auto text = host.text(path);
  if (!text) return text;
  const auto open = text->find('['), close = text->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open)
    return Known<std::string>::unknown(fmt::format("{}: '{}' found, one word in brackets expected", path, *text));
  return text->substr(open + 1, close - open - 1);
}

}  // namespace

Power power(const Host& host) {
  Power found;
  found.turbo = turbo(host);
  read_idle(host, found);
  const auto folders = policies(host);
  found.driver = over_policies(host, folders, "scaling_driver");
  found.governor = over_policies(host, folders, "scaling_governor");
  found.preference = over_policies(host, folders, "energy_performance_preference");
  found.lowest = of_first(host, folders, "cpuinfo_min_freq");
  found.highest = of_first(host, folders, "cpuinfo_max_freq");
  found.cap = of_first(host, folders, "scaling_max_freq");
  found.base = of_first(host, folders, "base_frequency");
  return found;
}

Memory memory(const Host& host) {
  const auto balancing = host.number("/proc/sys/kernel/numa_balancing");
  return {of_meminfo(host, "MemTotal:"), of_meminfo(host, "MemAvailable:"),
          chosen(host, "/sys/kernel/mm/transparent_hugepage/enabled"),
          balancing ? Known<bool>(*balancing != 0) : Known<bool>::unknown(balancing.why_not())};
}

std::vector<std::string> container(const Host& host, const std::map<std::string, std::string>& variables) {
  std::vector<std::string> hints;
  for (const char* file : {"/.dockerenv", "/run/.containerenv"})
    if (host.exists(file)) hints.emplace_back(file);
  for (const char* variable : {"KUBERNETES_SERVICE_HOST", "container"})
    if (variables.contains(variable)) hints.push_back(fmt::format("${}", variable));
  for (const std::string& line : host.lines("/proc/self/cgroup"))
    for (const char* word : {"docker", "kubepods", "lxc", "libpod", "containerd"})
      if (line.find(word) != std::string::npos) {
        hints.push_back(fmt::format("/proc/self/cgroup: {}", word));
        return hints;
      }
  return hints;
}

}  // namespace inc::app::doctor
