#pragma once
// An evaluation that a program brings along: samples, pre- and postprocessing and score are its own business.
#include <functional>
#include <memory>
#include <string>

#include "core/eval/metric.h"

namespace inc::eval {

/// Runs the model (inputs in the order of graph.inputs()) as often as it likes, and returns its score.
using OutsideEvaluation = std::function<double(const ir::Graph& graph, const runtime::Executable& executable)>;

/// A metric that runs_model(): nothing is known of single samples, so that every evaluation is complete. Of several ranks
/// each calls it. A score that is not finite is a DataError.
std::unique_ptr<Metric> make_outside_metric(std::string name, bool higher_is_better, OutsideEvaluation evaluation);

}  // namespace inc::eval
