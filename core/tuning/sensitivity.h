#pragma once
// What each option of each operator does by itself, from a few samples: the operator runs alone on what FP32 feeds it, and
// what it makes runs through the rest of the FP32 model.
#include <cstdint>
#include <functional>

#include "core/base/ranks.h"
#include "core/eval/dataset.h"
#include "core/search/search.h"
#include "core/tuning/candidate.h"

namespace inc::tuning {

/// All references outlive the call.
struct SensitivityTask {
  const ir::Graph& fused;
  const TuningSpace& space;
  CandidateBuilder& candidates;  ///< of that graph and space
  const eval::Dataset& data;     ///< labels are not needed
  std::int64_t samples = -1;     ///< its first ones make up the evaluation set; -1: all
  std::int64_t batch_size = 1;   ///< at most as many samples run together
};

struct SensitivityOptions {
  std::int64_t fewest = 4, most = 32;                 ///< samples, spread evenly over the evaluation set
  double evaluations = 0.25;                          ///< what it may cost, while that leaves `fewest` samples
  std::size_t budget_bytes = std::size_t{256} << 20;  ///< for activations; one batch is kept whatever it takes
  std::function<bool()> should_stop = {};             ///< asked between operators
  const Ranks* ranks = &alone();                      ///< share the operators out; the result does not depend on them
};

/// Divergences of all outputs (calib::SquaredError), and of each operator's own: both from the same samples, as many as
/// the cost allows. An option is executed once per sample behind the operator only (runtime::Trace); samples count by the
/// share of the graph's multiply-adds. The last option, FP32, is 0. Where the outputs cannot be compared (no FP32), `output`
/// is `own`. Options that fail, or make something that is not finite, are infinity. Throws search::Interrupted when stopped,
/// DataError for faults of the data.
search::Sensitivity sensitivities(const SensitivityTask& task, const SensitivityOptions& options = {});

}  // namespace inc::tuning
