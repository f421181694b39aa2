#include "app/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <sstream>
#include <utility>

#include "core/base/places.h"

namespace inc::app {
namespace {

constexpr double kNoMemoryLimit = 4e18;  // version 1 writes the largest multiple of the page size below 2^63

/// Where a controller's files are, and this process's group below that.
struct Place {
  std::string mount, group;
  bool second_version = false;
};

bool has_word(const std::string& list, const std::string& word) {
  std::istringstream words(list);
  for (std::string one; std::getline(words, one, ',');)
    if (one == word) return true;
  return false;
}

/// "9:cpu,cpuacct:/a/b": the group of a controller; that of version 2 has no name.
std::optional<std::string> group_of(const Host& host, const std::string& controller) {
  for (const std::string& line : host.lines("/proc/self/cgroup")) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? names.empty() : has_word(names, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::vector<Place> places(const Host& host, const std::string& controller) {
  std::vector<Place> found;
  for (const std::string& line : host.lines("/proc/self/mounts")) {
    std::istringstream words(line);
    std::string device, mount, type, options;
    if (!(words >> device >> mount >> type >> options)) continue;
    if (type != "cgroup2" && !(type == "cgroup" && has_word(options, controller))) continue;
    const bool second = type == "cgroup2";
    if (const auto group = group_of(host, second ? "" : controller)) found.push_back({mount, *group, second});
  }
  return found;
}

using Read = std::function<std::optional<double>(const std::string& directory, bool second_version)>;

/// The smallest limit in the group and those above it. In a container the path may not exist below the mount: its root is
/// then the group itself.
std::optional<CgroupLimit> tightest(const Host& host, const std::string& controller, const Read& read) {
  std::optional<CgroupLimit> found;
  for (const Place& place : places(host, controller))
    for (std::string group = place.group == "/" ? "" : place.group;; group.resize(group.rfind('/'))) {
      const auto amount = read(place.mount + group, place.second_version);
      if (amount && (!found || *amount < found->amount)) found = {*amount, group.empty() ? "/" : group};
      if (group.empty() || group.rfind('/') == std::string::npos) break;
    }
  return found;
}

std::optional<double> cpu_quota(const Host& host, const std::string& directory, bool second_version) {
  if (second_version) return cpus_of_quota(host.text(directory + "/cpu.max").value_or(""));
  return cpus_of_quota(host.text(directory + "/cpu.cfs_quota_us").value_or("") + " " +
                       host.text(directory + "/cpu.cfs_period_us").value_or(""));
}

std::optional<double> memory_limit(const Host& host, const std::string& directory, bool second_version) {
  const auto bytes = host.number(directory + (second_version ? "/memory.max" : "/memory.limit_in_bytes"));
  if (!bytes || static_cast<double>(*bytes) > kNoMemoryLimit) return std::nullopt;
  return static_cast<double>(*bytes);
}

std::string versions(const Host& host) {
  bool first = false, second = false;
  for (const Place& place : places(host, "cpu")) (place.second_version ? second : first) = true;
  if (first) return second ? "version 1 and 2" : "version 1";
  return second ? "version 2" : "none";
}

void add_places(std::vector<int>& cpus) {
  const std::vector<int> places = openmp_places(), mask = std::exchange(cpus, {});
  std::set_union(mask.begin(), mask.end(), places.begin(), places.end(), std::back_inserter(cpus));
}

Known<std::vector<int>> affinity(const Host& host) {
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  for (const std::string& line : host.lines("/proc/self/status"))
    if (line.starts_with(kKey)) {
      std::vector<int> cpus = parse_cpu_list(line.substr(line.find_first_not_of(" \t", kKey.size())));
      if (host.is_this_machine()) add_places(cpus);
      if (const auto online = host.text("/sys/devices/system/cpu/online")) {
        const std::vector<int> there = parse_cpu_list(*online);
        std::erase_if(cpus, [&](int cpu) { return std::find(there.begin(), there.end(), cpu) == there.end(); });
      }
      return cpus;
    }
  return Known<std::vector<int>>::unknown("/proc/self/status: no Cpus_allowed_list");
}

}  // namespace

std::optional<double> cpus_of_quota(const std::string& cpu_max) {
  std::istringstream text(cpu_max);
  double quota = 0, period = 0;
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

Limits limits(const Host& host) {
  Limits found;
  found.affinity = affinity(host);
  found.cgroups = versions(host);
  found.cpus = tightest(host, "cpu", [&](const std::string& directory, bool v2) { return cpu_quota(host, directory, v2); });
  found.memory =
      tightest(host, "memory", [&](const std::string& directory, bool v2) { return memory_limit(host, directory, v2); });
  return found;
}

CpuLimit cpu_limit(const Limits& limits) {
  const int allowed = limits.affinity ? static_cast<int>(limits.affinity->size()) : 0;
  CpuLimit limit{std::max(1, allowed), "in the affinity mask"};
  if (!limits.cpus) return limit;
  const int quota = std::max(1, static_cast<int>(std::ceil(limits.cpus->amount)));
  if (quota < limit.cpus || allowed == 0) return {quota, fmt::format("by the quota of cgroup '{}'", limits.cpus->cgroup)};
  return limit;
}

std::string CpuLimit::text() const {
  return fmt::format("{} {} {}", cpus, cpus == 1 ? "CPU" : "CPUs", why);
}

CpuLimit cpu_limit() {
  return cpu_limit(limits(Host()));
}

}  // namespace inc::app
