#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "app/doctor/parts.h"

namespace inc::app {
namespace {

/// The kernel's names of what the engine's kernels are made of.
constexpr std::array<std::string_view, 18> kInstructions = {
    "avx2",        "fma",      "f16c",     "avx_vnni", "avx_vnni_int8", "avx_ne_convert",
    "avx512f",     "avx512dq", "avx512bw", "avx512vl", "avx512_vnni",   "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16",      "avx10"};

Known<std::string> of_cpuinfo(const Host& host, std::string_view key) {
  for (const std::string& line : host.lines("/proc/cpuinfo"))
    if (line.starts_with(key))
      if (const auto colon = line.find(':'); colon != std::string::npos && colon + 2 <= line.size())
        return line.substr(colon + 2);
  return Known<std::string>::unknown(fmt::format("/proc/cpuinfo: no '{}'", key));
}

std::set<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  std::set<std::string> found;
  for (std::string word; words >> word;) found.insert(word);
  return found;
}

void read_cpu(const Host& host, Diagnosis& found) {
  found.cpu = of_cpuinfo(host, "model name");
  found.kernel = host.text("/proc/sys/kernel/osrelease");
  const auto flags = of_cpuinfo(host, "flags");
  if (!flags) {
    found.instructions = Known<std::vector<std::string>>::unknown(flags.why_not());
    found.virtual_machine = Known<bool>::unknown(flags.why_not());
    return;
  }
  const auto all = words_of(*flags);
  std::vector<std::string> present;
  for (const std::string_view name : kInstructions)
    if (all.contains(std::string(name))) present.emplace_back(name);
  found.instructions = present;
  found.virtual_machine = all.contains("hypervisor");
}

std::vector<PrecisionFacts> precisions(const Engine& engine) {
  const bool wide = engine.isa.starts_with("avx512");
  const bool at_least_avx2 = wide || engine.isa.starts_with("avx2");
  PrecisionFacts fp32{"fp32", Way::Native, "multiply-add of " + engine.isa};
  PrecisionFacts bf16{"bf16", Way::Native, "BF16 dot products of " + engine.isa};
  if (!engine.bf16) {
    bf16.way = Way::Emulated;
    bf16.how = "FP32 steps whose results are rounded to BF16: no gain in time";
  }
  PrecisionFacts int8{"int8", Way::Native, "8-bit dot products of " + engine.isa};
  if (!engine.vnni) {
    int8.way = at_least_avx2 ? Way::Exact : Way::Emulated;
    int8.how = at_least_avx2 ? "no VNNI: pairs of products in 16 bits, which weights of `target.isa: any` cannot overflow"
                             : "integers multiplied as FP32 numbers";
  }
  return {fp32, bf16, int8};
}

/// File names of the libraries in this process whose name contains one of the words.
Known<std::vector<std::string>> mapped(const Host& host, const std::vector<std::string>& words) {
  const auto maps = host.text("/proc/self/maps");
  if (!maps) return Known<std::vector<std::string>>::unknown(maps.why_not());
  std::set<std::string> found;
  std::istringstream lines(*maps);
  for (std::string line; std::getline(lines, line);) {
    const auto slash = line.rfind('/');
    if (slash == std::string::npos) continue;
    const std::string file = line.substr(slash + 1);
    for (const std::string& word : words)
      if (file.starts_with(word)) found.insert(file);
  }
  return std::vector<std::string>(found.begin(), found.end());
}

Known<double> load(const Host& host) {
  const auto text = host.text("/proc/loadavg");
  if (!text) return Known<double>::unknown(text.why_not());
  std::istringstream words(*text);
  double value = 0;
  if (words >> value) return value;
  return Known<double>::unknown(fmt::format("/proc/loadavg: '{}' found, numbers expected", *text));
}

}  // namespace

std::string_view name_of(Way way) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"native", "exact", "emulated"};
  return kNames[static_cast<std::size_t>(way)];
}

std::string_view name_of(Amx amx) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"absent", "granted", "not offered by the kernel", "refused"};
  return kNames[static_cast<std::size_t>(amx)];
}

std::string_view name_of(Gain gain) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"large", "medium", "small", "unclear", "none"};
  return kNames[static_cast<std::size_t>(gain)];
}

int Diagnosis::usable_cores() const {
  const int cpus = cpu_limit(limits).cpus;
  if (!layout || layout->core_cpus.empty()) return cpus;
  const auto allowed = [&](int number) {
    return !limits.affinity || std::count(limits.affinity->begin(), limits.affinity->end(), number) > 0;
  };
  const auto cores = std::count_if(layout->core_cpus.begin(), layout->core_cpus.end(),
                                   [&](const auto& core) { return std::any_of(core.begin(), core.end(), allowed); });
  return std::clamp(static_cast<int>(cores), 1, cpus);
}

bool Diagnosis::is_busy() const {
  return load && *load >= 0.5 * (layout ? layout->cpus : cpu_limit(limits).cpus);
}

Diagnosis examine(const Circumstances& here) {
  const Host& host = here.host;
  Diagnosis found;
  found.version = INC_VERSION;
  read_cpu(host, found);
  found.amx = here.amx;
  found.engine = here.engine;
  found.precisions = precisions(here.engine);
  for (PrecisionFacts& facts : found.precisions) {
    const auto speed = here.speeds.find(facts.precision);
    facts.speed = speed != here.speeds.end() ? speed->second : Known<Speed>::unknown("not measured");
  }
  found.layout = layout(host);
  found.limits = limits(host);
  found.container = doctor::container(host, here.variables);
  found.power = doctor::power(host);
  found.memory = doctor::memory(host);
  found.load = load(host);
  found.variables = doctor::relevant(here.variables);
  found.openmp = mapped(host, {"libgomp", "libiomp5", "libomp"});
  found.allocator = mapped(host, {"libjemalloc", "libtcmalloc", "libmimalloc", "libhoard", "libtbbmalloc"});
  found.advice = doctor::advise(found, host);
  return found;
}

}  // namespace inc::app
