#pragma once
// From a point to an observation: decode, insert Q/DQ, prepare, evaluate. Nothing that a former trial has computed
// (ranges, quantized weights, packed weights) is computed again.
#include <functional>
#include <memory>

#include "core/eval/evaluate.h"
#include "core/quant/placement.h"
#include "core/runtime/adaptor.h"
#include "core/search/search.h"
#include "core/tuning/criterion.h"
#include "core/tuning/divergence.h"
#include "core/tuning/space.h"

namespace inc::tuning {

/// Everything a trial needs; all references outlive the measure.
struct Workbench {
  const ir::Graph& fused;
  const quant::RangeTable& ranges;
  const TuningSpace& space;
  const runtime::Adaptor& adaptor;
  const runtime::Executable& fp32;
  const eval::Dataset& data;
  eval::Metric& metric;
  const Criterion& criterion;
  quant::WeightCache& weights;
  const Fp32Outputs& fp32_outputs;
  eval::EvalOptions evaluation;
};

/// The quantized graph of a point.
ir::Graph build_candidate(const Workbench& bench, const search::Point& point);

/// A failed trial is an observation with its reason. Throws search::Interrupted when the evaluation was stopped early.
search::Evaluate make_measure(const Workbench& bench);

}  // namespace inc::tuning
