#pragma once
// Measured times of a handful of candidates, and the file they are kept in.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/support.h"
#include "core/tuning/cost_layout.h"

namespace inc::tuning {

/// Where times were taken.
struct CostMachine {
  std::string cpu, isa, engine;  ///< engine: its name and version
  int threads = 0;
  bool operator==(const CostMachine&) const = default;
  std::string to_string() const;
};

/// One candidate.
struct CostSample {
  std::vector<std::uint8_t> classes;  ///< per dimension
  std::vector<float> site_ms;         ///< per site, milliseconds of one run
  double run_ms = 0;                  ///< of a whole run, measured without looking into it
};

/// A point and its rivals, whole runs that took turns.
struct CostCheck {
  std::vector<std::uint8_t> classes;
  double ms = 0, fastest_ms = 0, fp32_ms = 0;  ///< of the point, of every first option, of every last one
  double won = 1;                              ///< share of the duels in which the point beat every first option
};

struct CostProfile {
  CostMachine machine;
  std::string model;              ///< structure_hash of the fused graph
  std::string shapes;             ///< of the inputs: "1x3x224x224"
  std::int64_t batch = 1;         ///< samples in a run
  double seconds = 0;             ///< what measuring took
  double noise = 0;               ///< how far times scattered between rounds, as a share: 0.02 on a quiet machine
  std::vector<std::string> dims;  ///< names
  std::vector<std::vector<std::string>> classes;  ///< per dimension
  std::vector<std::string> sites;                 ///< names
  std::vector<CostSample> samples;
  std::vector<CostCheck> checks;

  const CostSample* find(const std::vector<std::uint8_t>& chosen) const noexcept;
  const CostCheck* check(const std::vector<std::uint8_t>& chosen) const noexcept;
};

/// Whether the profile speaks of this graph and of every speed class of this space. The reason names what differs.
Support fits(const CostProfile& profile, const CostLayout& layout, const std::string& model);

/// The profile in terms of a layout that it fits: classes that the layout lacks are dropped with their samples, the others
/// are renumbered.
CostProfile adapted(const CostProfile& profile, const CostLayout& layout);

/// JSON, and back; costs_from throws DataError for a text that is no such profile.
std::string costs_text(const CostProfile& profile);
CostProfile costs_from(const std::string& text);
/// The same as a file; read_costs throws DataError for one that cannot be read, too.
void write_costs(const std::filesystem::path& path, const CostProfile& profile);
CostProfile read_costs(const std::filesystem::path& path);

}  // namespace inc::tuning
