#pragma once
// What this machine can do for models, what holds it back, and what to change. Facts are read; nothing is guessed: what
// cannot be read is unknown, with the reason.
#include <map>
#include <string>
#include <vector>

#include "app/limits.h"
#include "app/topology.h"

namespace inc::app {

/// How a precision is carried out.
///   Native: by instructions for it
///   Exact: by other instructions, with the same results, still as INT8
///   Emulated: in FP32, with the same results and no gain in time
enum class Way : std::uint8_t { Native, Exact, Emulated };
std::string_view name_of(Way way) noexcept;

struct Speed {
  double one_core_gops = 0, all_cores_gops = 0;  ///< the fastest run of a matrix product, a multiply-add counted twice
  int cores = 1;
  std::string kernel;
};
struct PrecisionFacts {
  std::string precision;  ///< "fp32", "bf16", "int8"
  Way way = Way::Native;
  std::string how;
  Known<Speed> speed = {};
};

enum class Amx : std::uint8_t { Absent, Granted, NotOffered, Refused };
std::string_view name_of(Amx amx) noexcept;

struct Engine {
  std::string version, isa;  ///< "oneDNN 3.2.0 …"; the effective ISA, in oneDNN's names
  bool vnni = false, bf16 = false;
};

/// Frequencies in GHz. `governor`: "performance", or "performance 2, powersave 62" where policies differ.
struct Power {
  Known<std::string> driver, governor, preference;
  Known<double> lowest, highest, cap, base;  ///< `cap`: the highest that the system asks for now
  Known<bool> turbo;
  Known<std::string> idle_driver;
  Known<std::string> deepest_idle;
  Known<std::int64_t> deepest_idle_us;  ///< to wake from it
};

struct Memory {
  Known<std::int64_t> total_bytes, available_bytes;
  Known<std::string> huge_pages;  ///< "always", "madvise", "never"
  Known<bool> balancing;          ///< the kernel moves pages between NUMA nodes
};

/// Ordered as advice is ranked. Large: 1.5 times as fast or more; Medium: 1.1 to 1.5; Small: less; Unclear: depends on model
/// and use, measure; None: no time, but something is not as it seems.
enum class Gain : std::uint8_t { Large, Medium, Small, Unclear, None };
std::string_view name_of(Gain gain) noexcept;

struct Advice {
  Gain gain = Gain::Unclear;
  std::string problem, command, expect;
  std::string basis;  ///< where `expect` comes from: "measured", "counted", "clock rates", "peak rates", "experience"
};

struct Diagnosis {
  std::string version;
  Known<std::string> cpu, kernel;
  Known<std::vector<std::string>> instructions;  ///< those that matter here, in the kernel's names
  Known<bool> virtual_machine;
  Known<Amx> amx;
  Engine engine;
  std::vector<PrecisionFacts> precisions;
  Known<Layout> layout;
  Limits limits;
  std::vector<std::string> container;  ///< what says that this is a container
  Power power;
  Memory memory;
  Known<double> load;                                 ///< processes that wanted to run, mean of a minute
  std::map<std::string, std::string> variables;       ///< of the environment, those that matter here
  Known<std::vector<std::string>> openmp, allocator;  ///< libraries in this process; allocator empty: the C library's
  std::vector<Advice> advice;                         ///< largest gain first

  /// Cores that this process may use at once: no hyper-threads, no more than affinity and quota allow.
  int usable_cores() const;
  /// So much else runs that measured speeds are too low.
  bool is_busy() const;
};

/// What cannot be read from files.
struct Circumstances {
  Host host;
  std::map<std::string, std::string> variables;
  Engine engine;
  Known<Amx> amx = {};
  std::map<std::string, Known<Speed>> speeds = {};  ///< by precision
};
Diagnosis examine(const Circumstances& here);

struct DoctorOptions {
  bool probe = true;  ///< measure the speed of each precision, about two seconds
};
/// Of this machine and process. Throws ConfigError where the environment caps the ISA with an unknown name.
Diagnosis diagnose(const DoctorOptions& options = {});

/// "INT8 runs natively, 4.3 times as fast as FP32; …".
std::string verdict(const Diagnosis& diagnosis);
/// One JSON object; what is not known is null, and the reason is in "unknown" under its path ("power.governor").
std::string to_json(const Diagnosis& diagnosis);
/// For a terminal of 100 columns, the verdict first.
std::string to_text(const Diagnosis& diagnosis);

}  // namespace inc::app
