#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "app/doctor/parts.h"
#include "core/base/text.h"

namespace inc::app::doctor {
namespace {

using Rules = std::vector<Advice>;

constexpr std::array<std::string_view, 7> kPrefixes = {"OMP_", "KMP_", "GOMP_", "ONEDNN_", "DNNL_", "INC_", "MALLOC_"};
constexpr std::array<std::string_view, 6> kNames = {"LD_PRELOAD", "LD_LIBRARY_PATH",    "CONDA_PREFIX",
                                                    "FORCE_BF16", "MIX_PRECISION_TEST", "MKL_NUM_THREADS"};
/// Of ours.
const std::vector<std::string>& our_variables() {
  static const std::vector<std::string> names{"INC_MAX_ISA", "INC_CPP_PYTHON", "INC_CPP_DEPS", "INC_SHARED",
                                              "INC_UPDATE_GOLDEN"};
  return names;
}

/// "" where it is not set.
std::string value_of(const Diagnosis& d, const std::string& name) {
  const auto found = d.variables.find(name);
  return found == d.variables.end() ? "" : found->second;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_true(const std::string& value) {
  const std::string text = lower(value);
  return text == "true" || text == "1" || text == "yes" || text == "on";
}

bool runs_libgomp(const Diagnosis& d) {
  return d.openmp && d.openmp->size() == 1 && d.openmp->front().starts_with("libgomp");
}

/// The first number of a list "8,4"; 0 where there is none.
int count_in(const std::string& text) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && (parsed.ptr == text.data() + text.size() || *parsed.ptr == ',') ? std::max(0, value)
                                                                                                     : 0;
}

void too_many_threads(const Diagnosis& d, Rules& out) {
  const CpuLimit limit = cpu_limit(d.limits);
  const std::string given = value_of(d, "OMP_NUM_THREADS");
  const int wanted = given.empty() ? (d.limits.affinity ? static_cast<int>(d.limits.affinity->size()) : 0) : count_in(given);
  if (wanted <= limit.cpus) return;
  const std::string who = given.empty() ? fmt::format("without OMP_NUM_THREADS a program starts {} threads", wanted)
                                        : fmt::format("OMP_NUM_THREADS={}", given);
  out.push_back({Gain::Large, fmt::format("{}, but this process has {}", who, limit.text()),
                 fmt::format("export OMP_NUM_THREADS={}", d.usable_cores()),
                 fmt::format("{} threads take turns on {}, and all wait for the last at each operator: usually more than "
                             "1.5 ×, not measured here",
                             wanted, limit.cpus == 1 ? "one CPU" : fmt::format("{} CPUs", limit.cpus)),
                 "experience"});
}

void too_few_threads(const Diagnosis& d, Rules& out) {
  const int threads = count_in(value_of(d, "OMP_NUM_THREADS")), cores = d.usable_cores();
  if (threads == 0 || threads >= cores) return;
  Advice advice{Gain::Unclear, fmt::format("OMP_NUM_THREADS={}: {} of {} cores work", threads, threads, cores),
                fmt::format("export OMP_NUM_THREADS={}", cores), "shorter latency", "counted"};
  for (const PrecisionFacts& facts : d.precisions)
    if (facts.precision == "fp32" && facts.speed && facts.speed->cores == cores && facts.speed->one_core_gops > 0) {
      const double factor = std::min(facts.speed->all_cores_gops / facts.speed->one_core_gops, 1.0 * cores / threads);
      advice.gain = factor >= 1.5 ? Gain::Large : factor >= 1.1 ? Gain::Medium : Gain::Small;
      advice.expect = fmt::format("up to {:.1f} × in the latency of one process (FP32, matrix product)", factor);
      advice.basis = "measured";
    }
  out.push_back(advice);
}

void hyper_threads(const Diagnosis& d, Rules& out) {
  if (!d.layout || d.layout->cpus <= d.layout->cores) return;
  const int cores = d.usable_cores(), cpus = cpu_limit(d.limits).cpus;
  const std::string given = value_of(d, "OMP_NUM_THREADS");
  const int threads = given.empty() ? cpus : count_in(given);
  if (threads <= cores || threads > cpus) return;
  out.push_back({Gain::Small,
                 fmt::format("{} threads on {} cores: two hyper-threads share a core's multipliers", threads, cores),
                 fmt::format("export OMP_NUM_THREADS={} OMP_PLACES=cores OMP_PROC_BIND=close", cores),
                 "steadier, and a little faster for dense models", "experience"});
}

void malformed_threads(const Diagnosis& d, Rules& out) {
  for (const char* name : {"OMP_NUM_THREADS", "OMP_THREAD_LIMIT"})
    if (const std::string text = value_of(d, name); !text.empty() && count_in(text) == 0)
      out.push_back({Gain::Unclear, fmt::format("{}={}: not a number of threads, ignored", name, text),
                     fmt::format("unset {}", name), "the number of threads that was meant", "experience"});
  const int limit = count_in(value_of(d, "OMP_THREAD_LIMIT"));
  if (limit > 0 && limit < d.usable_cores())
    out.push_back({Gain::Unclear, fmt::format("OMP_THREAD_LIMIT={}: no more threads, whatever else is set", limit),
                   "unset OMP_THREAD_LIMIT", fmt::format("work for {} cores", d.usable_cores()), "counted"});
}

void binding(const Diagnosis& d, Rules& out) {
  const std::string bind = lower(value_of(d, "OMP_PROC_BIND")), gomp = value_of(d, "GOMP_CPU_AFFINITY");
  if (gomp.empty()) return;
  if (bind == "false" || !value_of(d, "OMP_PLACES").empty())
    out.push_back({Gain::None,
                   fmt::format("GOMP_CPU_AFFINITY={} is ignored: {} is stronger", gomp,
                               bind == "false" ? "OMP_PROC_BIND=false" : "OMP_PLACES"),
                   "unset GOMP_CPU_AFFINITY", "nothing; one of the two is not what was meant", "experience"});
  if (!d.limits.affinity) return;
  const auto& allowed = *d.limits.affinity;
  std::vector<int> outside;
  std::string list = gomp;
  std::replace(list.begin(), list.end(), ' ', ',');
  for (const int cpu : parse_cpu_list(list))
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) outside.push_back(cpu);
  if (!outside.empty())
    out.push_back({Gain::Unclear,
                   fmt::format("GOMP_CPU_AFFINITY={} names CPUs that this process may not use: {}", gomp, cpu_list(outside)),
                   fmt::format("export GOMP_CPU_AFFINITY={}", cpu_list(allowed)), "threads on cores of their own",
                   "counted"});
}

void unbound(const Diagnosis& d, Rules& out) {
  if (nodes_with_cpus(d) < 2 || d.usable_cores() < 2) return;
  for (const char* name : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"})
    if (!value_of(d, name).empty()) return;
  out.push_back({Gain::Small, fmt::format("threads may wander between {} NUMA nodes", nodes_with_cpus(d)),
                 "export OMP_PROC_BIND=close OMP_PLACES=cores", "steadier times; memory stays near its thread",
                 "experience"});
}

void other_runtime(const Diagnosis& d, Rules& out) {
  if (d.openmp && d.openmp->size() > 1)
    out.push_back({Gain::Large, fmt::format("{} OpenMP runtimes in one process: {}", d.openmp->size(), joined(*d.openmp)),
                   "install the builds of oneDNN and of the other libraries that use one of them",
                   "each runtime starts threads of its own on the same cores; not measured here", "experience"});
  std::vector<std::string> ignored;
  for (const auto& [name, value] : d.variables)
    if (name.starts_with("KMP_")) ignored.push_back(name);
  if (runs_libgomp(d) && !ignored.empty())
    out.push_back(
        {Gain::None,
         fmt::format("{}: read by Intel's and LLVM's OpenMP; this program runs libgomp, which ignores it", joined(ignored)),
         "export OMP_PROC_BIND=close OMP_PLACES=cores", "nothing by itself; the OMP_ variables work everywhere",
         "experience"});
}

void waiting(const Diagnosis& d, Rules& out) {
  const std::string policy = lower(value_of(d, "OMP_WAIT_POLICY"));
  if (policy == "active" && d.limits.cpus)
    out.push_back({Gain::Unclear, "OMP_WAIT_POLICY=active: waiting threads use up the cgroup's CPU time",
                   "unset OMP_WAIT_POLICY", "less time throttled", "experience"});
  if (policy == "passive" && d.usable_cores() > 1)
    out.push_back({Gain::Unclear, "OMP_WAIT_POLICY=passive: threads sleep between operators and have to be woken",
                   "unset OMP_WAIT_POLICY",
                   "shorter latency on a machine of one's own; right as it is where others compute too", "experience"});
  if (is_true(value_of(d, "OMP_DYNAMIC")))
    out.push_back({Gain::Unclear, "OMP_DYNAMIC: the runtime chooses fewer threads by the load", "unset OMP_DYNAMIC",
                   "the same number of threads, and times, in every run", "experience"});
}

void isa_caps(const Diagnosis& d, Rules& out) {
  for (const char* name : {"INC_MAX_ISA", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    const std::string cap = value_of(d, name);
    if (cap.empty() || lower(cap) == "all" || lower(cap) == "default") continue;
    out.push_back({d.engine.vnni ? Gain::Unclear : Gain::Large,
                   fmt::format("{}={}: kernels stop at {}", name, cap, d.engine.isa), fmt::format("unset {}", name),
                   "whatever else the CPU has; run `inc-cpp doctor` again to see", "experience"});
  }
}

void library_switches(const Diagnosis& d, Rules& out) {
  for (const char* name : {"ONEDNN_VERBOSE", "DNNL_VERBOSE"})
    if (const std::string value = value_of(d, name); !value.empty() && value != "0" && value != "none")
      out.push_back({Gain::Unclear, fmt::format("{}={}: oneDNN prints a line for every kernel", name, value),
                     fmt::format("unset {}", name), "timings without printing", "experience"});
  for (const char* name : {"ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"})
    if (const std::string value = lower(value_of(d, name)); !value.empty() && value != "strict")
      out.push_back({Gain::None, fmt::format("{}={}: what is called FP32 may be computed in {}", name, value, value),
                     fmt::format("unset {}", name), "an FP32 baseline that is FP32; accuracies are compared with it",
                     "experience"});
}

void missing_files(const Diagnosis& d, const Host& host, Rules& out) {
  std::string list = value_of(d, "LD_PRELOAD");
  std::replace(list.begin(), list.end(), ':', ' ');
  std::istringstream words(list);
  for (std::string file; words >> file;)
    if (file.starts_with('/') && !host.exists(file))
      out.push_back({Gain::None, fmt::format("LD_PRELOAD names {}, which does not exist", file), "unset LD_PRELOAD",
                     "nothing; the allocator that was meant is not in use", "counted"});
}

void unknown_names(const Diagnosis& d, Rules& out) {
  for (const auto& [name, value] : d.variables)
    if (name.starts_with("INC_") && std::find(our_variables().begin(), our_variables().end(), name) == our_variables().end())
      if (const std::string meant = nearest(name, our_variables()); !meant.empty())
        out.push_back({Gain::None, fmt::format("{}: nobody reads it", name),
                       fmt::format("export {}={}; unset {}", meant, value, name),
                       fmt::format("what {} does, if that was meant", meant), "counted"});
}

}  // namespace

std::map<std::string, std::string> relevant(const std::map<std::string, std::string>& variables) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : variables)
    if (std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto prefix) { return name.starts_with(prefix); }) ||
        std::find(kNames.begin(), kNames.end(), name) != kNames.end())
      found.emplace(name, value);
  return found;
}

std::vector<Advice> advise_on_variables(const Diagnosis& diagnosis, const Host& host) {
  Rules all;
  for (const auto rule : {too_many_threads, too_few_threads, hyper_threads, malformed_threads, binding, unbound,
                          other_runtime, waiting, isa_caps, library_switches, unknown_names})
    rule(diagnosis, all);
  missing_files(diagnosis, host, all);
  return all;
}

}  // namespace inc::app::doctor
