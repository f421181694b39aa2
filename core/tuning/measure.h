#pragma once
// From a point to an observation: build the candidate, prepare, evaluate.
#include <functional>
#include <memory>

#include "core/eval/evaluate.h"
#include "core/search/search.h"
#include "core/tuning/candidate.h"
#include "core/tuning/criterion.h"
#include "core/tuning/divergence.h"
#include "core/tuning/rating.h"

namespace inc::tuning {

/// Everything a trial needs; all references outlive the measure.
struct Workbench {
  CandidateBuilder& candidates;
  const eval::Dataset& data;
  eval::Metric& metric;
  const Criterion& criterion;
  const Fp32Outputs& fp32_outputs;
  eval::EvalOptions evaluation;
  const Rating* rating = nullptr;  ///< of candidates; nullptr: by the latency measured while evaluating
};

/// A failed trial is an observation with its reason. Throws search::Interrupted when the evaluation was stopped early.
search::Evaluate make_measure(const Workbench& bench);

}  // namespace inc::tuning
