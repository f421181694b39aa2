#pragma once
// From a point to an observation: build the candidate, prepare, evaluate.
#include <functional>
#include <memory>

#include "core/eval/evaluate.h"
#include "core/search/search.h"
#include "core/tuning/candidate.h"
#include "core/tuning/criterion.h"
#include "core/tuning/divergence.h"

namespace inc::tuning {

/// Everything a trial needs; all references outlive the measure.
struct Workbench {
  CandidateBuilder& candidates;
  const eval::Dataset& data;
  eval::Metric& metric;
  const Criterion& criterion;
  const Fp32Outputs& fp32_outputs;
  eval::EvalOptions evaluation;
};

/// A failed trial is an observation with its reason. Throws search::Interrupted when the evaluation was stopped early.
search::Evaluate make_measure(const Workbench& bench);

}  // namespace inc::tuning
