#pragma once
// The guarantee: no operator is put into INT8 or BF16 where that makes the graph slower.
#include <string>
#include <vector>

#include "core/tuning/cost_model.h"

namespace inc::tuning {

/// How clear a case must be before an operator is kept back: other engines and other CPUs run the model too.
struct KeepBackMargin {
  double share = 0.1;      ///< of the operator's time in its first option
  double noises = 2;       ///< or of it, this many times the noise of the profile
  double least_ms = 5e-4;  ///< of a run
  double of_run = 1e-3;    ///< or this share of a run
  double clearly = 0.02;   ///< all that is kept back together must make the run that much faster when it is checked; less is
                           ///< a tie within the noise of such measurements, and ties go to the first option
  double won = 0.8;        ///< and win that share of its duels with every first option: noise wins half of them
  double slower = 1.02;    ///< the whole graph may take this much of FP32's time
};

struct KeptBack {
  ir::NodeId node;
  std::string name, speed_class;  ///< the operator, and what it is kept out of
  double microseconds = 0;        ///< that it would add to a run of the result; 0 where the whole graph decided
  std::string reason;
};

struct Verdict {
  std::vector<std::uint8_t> classes;           ///< the fastest assignment that was found; every operator in its class
  std::vector<KeptBack> kept;                  ///< in order of dimensions
  double ms = 0, fastest_ms = 0, fp32_ms = 0;  ///< of a run: the assignment, every first option, FP32
};

/// Least total time plus the margin of every operator that leaves its first class: cuts (alpha expansion, Boykov, Veksler
/// and Zabih, 2001; exact for two classes where no meeting of unlike classes is a gain), then single changes until none
/// helps. `margins`: milliseconds per dimension.
std::vector<std::uint8_t> cheapest(const CostTables& tables, const CostLayout& layout, const std::vector<double>& margins);

/// What to measure next to be sure of the verdict: everything in FP32 where a figure calls that faster, then the assignment
/// that the profile calls cheapest; empty when it has been measured already.
std::vector<std::uint8_t> to_verify(const CostLayout& layout, const CostProfile& profile, const KeepBackMargin& margin = {});

/// A pure function of the profile. An assignment gives way to one whose check was better, or that was checked when it was
/// not, to every first option where the check shows no clear gain, and to FP32 where that is faster and its own check, if
/// there was one, says so too. `source` ends the reasons: "measured", "estimated (profile of …)".
Verdict keep_back(const CostLayout& layout, const CostProfile& profile, const std::string& source,
                  const KeepBackMargin& margin = {});

}  // namespace inc::tuning
