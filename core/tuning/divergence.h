#pragma once
// How far a candidate's outputs are from the FP32 model's on the same samples: far less noisy than a difference of
// accuracies, and free, because the samples are run anyway.
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/calib/output_distance.h"

namespace inc::tuning {

/// FP32 outputs of the first batches of an evaluation, as many as fit into the budget.
class Fp32Outputs {
 public:
  explicit Fp32Outputs(std::size_t budget_bytes) : budget_(budget_bytes) {}
  void keep(std::int64_t first, std::span<const ir::Tensor> outputs);
  /// nullptr when the batch that begins with that sample was not kept.
  const std::vector<ir::Tensor>* find(std::int64_t first) const;

 private:
  std::size_t budget_, used_ = 0;
  bool full_ = false;
  std::map<std::int64_t, std::vector<ir::Tensor>> batches_;
};

/// calib::SquaredError over all outputs of the batches that were kept.
class Divergence {
 public:
  explicit Divergence(const Fp32Outputs& fp32) : fp32_(fp32) {}
  void add(std::int64_t first, std::span<const ir::Tensor> outputs);
  double value() const { return error_.value(); }

 private:
  const Fp32Outputs& fp32_;
  calib::SquaredError error_;
};

}  // namespace inc::tuning
