#pragma once
// The walk of sequential bias correction: samples side by side through the quantized graph, piece by piece.
#include <functional>
#include <memory>
#include <vector>

#include "core/calib/bias_correction.h"
#include "core/calib/segments.h"

namespace inc::calib {

using Shifts = std::map<ir::NodeId, std::vector<float>>;

class CorrectionWalk {
 public:
  /// `quantized` is `fused` with Q/DQ; `anchors` are the nodes to correct, in its topological order. Prepares every piece.
  CorrectionWalk(const ir::Graph& fused, const ir::Graph& quantized, std::vector<ir::NodeId> anchors,
                 const runtime::Adaptor& adaptor, const eval::Dataset& data, const CorrectionOptions& options);

  /// How many batches starting at `firsts` fit into the budget: runs one of them.
  std::size_t affordable(std::int64_t first);
  /// The shifts from the batches that begin at these samples; once. Empty when stopped.
  Shifts run(const std::vector<std::int64_t>& firsts);
  /// The same for each anchor by itself, on what FP32 makes before it.
  Shifts run_alone(const std::vector<std::int64_t>& firsts);

 private:
  using Live = std::map<ir::ValueId, ir::Tensor>;

  /// Runs FP32 beside where `observe` is given: called with what goes into each anchor's activation.
  void start(std::int64_t first, Live& live, const std::function<void(std::size_t k, const ir::Tensor&)>& observe = {});
  std::vector<float> means(std::size_t k, const ir::Tensor& sums) const;
  void step(std::size_t k, Live& live);
  void forget(std::size_t k, Live& live) const;
  int axis(std::size_t k, const ir::Tensor& sums) const;
  std::size_t channels(std::size_t k, const ir::Tensor& sums) const;

  const ir::Graph& fused_;
  std::vector<ir::NodeId> anchors_;
  const eval::Dataset& data_;
  const CorrectionOptions& options_;
  SplitGraph reference_, quantized_;
  std::vector<Segment> segments_;
  std::vector<ir::ValueId> cuts_;
  std::map<ir::ValueId, std::size_t> last_use_;  ///< the last piece that reads it
  std::unique_ptr<const runtime::Executable> fp32_;
  std::vector<std::unique_ptr<const runtime::Executable>> pieces_;
  std::int64_t batch_ = 1;
};

}  // namespace inc::calib
