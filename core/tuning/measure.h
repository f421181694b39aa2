#pragma once
// From a point to an observation: build the candidate, prepare, evaluate.
#include <functional>
#include <limits>

#include "core/tuning/baseline.h"
#include "core/tuning/candidate.h"
#include "core/tuning/rating.h"
#include "core/tuning/sensitivity.h"

namespace inc::tuning {

/// Everything a trial needs; all references outlive the measure.
struct Workbench {
  CandidateBuilder& candidates;
  const Baseline& baseline;
  eval::EvalOptions evaluation;
  const Rating* rating = nullptr;  ///< of candidates; nullptr: by the latency measured while evaluating
  double seconds_left = std::numeric_limits<double>::infinity();  ///< to the time limit, from make_measure on
};

/// What a resumed history leaves of the time; infinite where there is no limit.
double seconds_left(const config::ExitPolicy& policy, const search::History& history);

/// A candidate that misses the target is stopped as soon as that is decided (core/eval/sequential.h); one that meets it is
/// evaluated on the whole set. A failed trial is an observation with its reason. Throws search::Interrupted with its reason
/// within one batch when the time is over or evaluation.progress says so; such a trial is lost.
search::Evaluate make_measure(const Workbench& bench);
/// The same for sensitivities, between operators; `seconds_left` from here on. What `task` refers to outlives the measure.
std::function<search::Sensitivity()> make_sensitivity_measure(const SensitivityTask& task, const SensitivityOptions& options,
                                                              double seconds_left);

}  // namespace inc::tuning
