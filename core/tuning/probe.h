#pragma once
// A look at candidates before any accuracy is measured: their outputs against those of FP32 on a few samples.
#include <vector>

#include "core/calib/output_distance.h"
#include "core/eval/dataset.h"
#include "core/runtime/adaptor.h"

namespace inc::tuning {

class Probe {
 public:
  struct Found {
    calib::OutputDistance all;
    double typical = -1;  ///< geometric mean of the samples' divergences: not decided by a few of them
  };
  /// Takes at most `most` samples, spread over the first `samples` of the data. `fp32` executes `fused`.
  Probe(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, std::int64_t samples,
        std::int64_t most);
  Found operator()(const runtime::Executable& executable) const;

 private:
  std::vector<std::vector<ir::Tensor>> inputs_, expected_;
};

}  // namespace inc::tuning
