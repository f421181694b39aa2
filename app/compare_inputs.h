#pragma once
// What both models are run on, and what is seen of a run.
#include <set>

#include "app/compare.h"
#include "app/compare_values.h"
#include "core/runtime/adaptor.h"

namespace inc::app {

/// Samples of a data set, or one synthetic batch.
struct Source {
  std::shared_ptr<const eval::Dataset> data;
  std::vector<ir::Tensor> synthetic;
  std::string text;
  std::int64_t samples = 0, batch = 1;
};
Source source_of(const CompareOptions& options, const ir::Graph& graph);

/// Of the graph's inputs, outputs and what is wanted; in FP32 where they are of another floating type.
Values run_tapped(const runtime::Executable& executable, std::span<const ir::Tensor> inputs, const ir::Graph& graph,
                  const std::set<ir::ValueId>& wanted);

/// Both are there, in FP32 and of one shape.
bool comparable(const Values& a, ir::ValueId x, const Values& b, ir::ValueId y);

}  // namespace inc::app
