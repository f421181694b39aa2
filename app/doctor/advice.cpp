#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/allocators.h"
#include "app/doctor/parts.h"

namespace inc::app::doctor {
namespace {

using Rules = std::vector<Advice>;

constexpr double kWorthSaying = 1.02;

Gain gain_of(double factor) {
  if (factor >= 1.5) return Gain::Large;
  return factor >= 1.1 ? Gain::Medium : Gain::Small;
}

bool has(const Diagnosis& d, const std::string& instruction) {
  return d.instructions && std::count(d.instructions->begin(), d.instructions->end(), instruction) > 0;
}

void amx(const Diagnosis& d, Rules& out) {
  if (!has(d, "amx_int8") || !d.amx || *d.amx == Amx::Granted) return;
  Advice advice{Gain::Large, fmt::format("the CPU has AMX, which is {}", name_of(*d.amx)), "", "", "peak rates"};
  advice.command = *d.amx == Amx::NotOffered
                       ? fmt::format("boot a kernel from 5.16 on (this is {})", d.kernel.value_or("unknown"))
                       : "allow the system call arch_prctl (the container's seccomp profile or sandbox forbids it)";
  advice.expect =
      "up to 8 × in INT8, 16 × FP32's peak in BF16; the peak of AMX is 2048 INT8 operations a cycle and core, that of "
      "AVX512-VNNI 256; models gain less";
  out.push_back(advice);
}

void governor(const Diagnosis& d, Rules& out) {
  const Power& p = d.power;
  if (!p.governor || *p.governor == "performance") return;
  const bool steers_itself = p.driver && (p.driver->starts_with("intel_pstate") || p.driver->starts_with("amd-pstate-epp") ||
                                          *p.driver == "amd_pstate_epp");
  Advice advice{Gain::Unclear, fmt::format("frequency governor: {}", *p.governor),
                "sudo cpupower frequency-set --governor performance", "", "experience"};
  const bool lowest = p.governor->find("powersave") != std::string::npos && !steers_itself;
  if (lowest && p.lowest && p.highest && *p.lowest > 0) {
    const double factor = *p.highest / *p.lowest;
    advice.gain = gain_of(factor);
    advice.expect =
        fmt::format("up to {:.1f} ×: cores that stay at {:.1f} GHz may rise to {:.1f}", factor, *p.lowest, *p.highest);
    advice.basis = "clock rates";
  } else {
    advice.expect = "short runs start at full clock rate; long ones change little";
  }
  out.push_back(advice);
}

void frequency_cap(const Diagnosis& d, Rules& out) {
  const Power& p = d.power;
  if (!p.cap || !p.highest || *p.cap <= 0 || *p.highest / *p.cap < kWorthSaying) return;
  out.push_back({gain_of(*p.highest / *p.cap), fmt::format("clock rate capped at {:.1f} of {:.1f} GHz", *p.cap, *p.highest),
                 fmt::format("sudo cpupower frequency-set --max {:.0f}MHz", 1e3 * *p.highest),
                 fmt::format("up to {:.2f} ×, where heat and power allow it", *p.highest / *p.cap), "clock rates"});
}

void turbo(const Diagnosis& d, const Host& host, Rules& out) {
  if (!d.power.turbo || *d.power.turbo) return;
  const bool intel = host.exists("/sys/devices/system/cpu/intel_pstate/no_turbo");
  Advice advice{Gain::Unclear, "turbo is switched off",
                intel ? "echo 0 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
                      : "echo 1 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
                "higher clock rates, most with few busy cores; how much is not known here", "experience"};
  if (d.power.base && d.power.highest && *d.power.base > 0) {
    const double factor = *d.power.highest / *d.power.base;
    advice.gain = gain_of(factor);
    advice.expect = fmt::format("up to {:.2f} × with one busy core ({:.1f} → {:.1f} GHz), less with all", factor,
                                *d.power.base, *d.power.highest);
    advice.basis = "clock rates";
  }
  out.push_back(advice);
}

void nodes(const Diagnosis& d, Rules& out) {
  const int usable = nodes_with_cpus(d);
  const int cores = d.usable_cores();
  if (usable < 2 || cores < 2 * usable) return;
  out.push_back(
      {Gain::Unclear, fmt::format("{} NUMA nodes: one process over all of them reads the other nodes' memory", usable),
       fmt::format("inc-cpp launch --instances {} --cores-per-instance {} --numa -- COMMAND", usable, cores / usable),
       "more samples a second, longer latency; measure with `inc-cpp benchmark --instances`", "experience"});
}

void huge_pages(const Diagnosis& d, Rules& out) {
  if (!d.memory.huge_pages || *d.memory.huge_pages != "never") return;
  out.push_back({Gain::Small, "transparent huge pages: never",
                 "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
                 "fewer misses of address translation with large weights", "experience"});
}

void balancing(const Diagnosis& d, Rules& out) {
  if (!d.memory.balancing || !*d.memory.balancing || nodes_with_cpus(d) < 2) return;
  out.push_back({Gain::Small, "the kernel moves pages between NUMA nodes while models run",
                 "sudo sysctl kernel.numa_balancing=0", "steadier latency for processes bound to a node", "experience"});
}

void idle_states(const Diagnosis& d, Rules& out) {
  constexpr std::int64_t kSlowToWake = 100;
  if (!d.power.deepest_idle || d.power.deepest_idle_us.value_or(0) < kSlowToWake) return;
  out.push_back(
      {Gain::Small,
       fmt::format("idle cores fall into {}, {} µs away from work", *d.power.deepest_idle, *d.power.deepest_idle_us),
       fmt::format("sudo cpupower idle-set --disable-by-latency {}", kSlowToWake),
       "that time off the latency of requests that come one by one; nothing for a busy machine", "counted"});
}

void other_work(const Diagnosis& d, Rules& out) {
  if (!d.is_busy()) return;
  const int cpus = d.layout ? d.layout->cpus : cpu_limit(d.limits).cpus;
  out.push_back({Gain::Unclear, fmt::format("other work: a load of {:.1f} on {} CPUs", *d.load, cpus), "top",
                 "timings that can be relied on, once nothing else runs", "counted"});
}

void allocator(const Diagnosis& d, const Host& host, Rules& out) {
  if (!d.allocator || !d.allocator->empty() || d.usable_cores() < 2) return;
  for (const char* name : {"jemalloc", "tcmalloc"})
    if (find_allocator(host, d.variables, name)) {
      out.push_back({Gain::Unclear, "memory comes from the C library's allocator",
                     fmt::format("inc-cpp launch --allocator {} -- COMMAND", name),
                     "little for this engine, which plans its memory once; more for others, with many threads",
                     "experience"});
      return;
    }
}

}  // namespace

int nodes_with_cpus(const Diagnosis& d) {
  if (!d.layout) return 0;
  const auto allowed = [&](int cpu) {
    return !d.limits.affinity || std::count(d.limits.affinity->begin(), d.limits.affinity->end(), cpu) > 0;
  };
  return static_cast<int>(std::count_if(d.layout->nodes.begin(), d.layout->nodes.end(), [&](const auto& node) {
    return std::any_of(node.cpus.begin(), node.cpus.end(), allowed);
  }));
}

std::vector<Advice> advise(const Diagnosis& diagnosis, const Host& host) {
  Rules all = advise_on_variables(diagnosis, host);
  amx(diagnosis, all);
  governor(diagnosis, all);
  frequency_cap(diagnosis, all);
  turbo(diagnosis, host, all);
  nodes(diagnosis, all);
  huge_pages(diagnosis, all);
  balancing(diagnosis, all);
  idle_states(diagnosis, all);
  other_work(diagnosis, all);
  allocator(diagnosis, host, all);
  std::stable_sort(all.begin(), all.end(), [](const Advice& a, const Advice& b) { return a.gain < b.gain; });
  return all;
}

}  // namespace inc::app::doctor
