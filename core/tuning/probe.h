#pragma once
// A look at candidates before any accuracy is measured: their outputs against those of FP32 on a few samples.
#include <vector>

#include "core/calib/output_distance.h"
#include "core/eval/dataset.h"
#include "core/runtime/adaptor.h"

namespace inc::tuning {

/// Tokens of a sample that the model predicts something for: those of an input [samples, tokens] of whole numbers where an
/// output is [samples, tokens, ...]; otherwise 1. Averages over texts are as sure as their tokens are many; boxes of a
/// detector are no such thing, half the images take its bias corrections a quarter further from FP32.
std::int64_t predictions(std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> outputs);

class Probe {
 public:
  struct Found {
    calib::OutputDistance all;
    double typical = -1;                  ///< geometric mean of the samples' divergences: not decided by a few of them
    std::vector<double> logarithms = {};  ///< of the samples' divergences
    bool whole = true;                    ///< all samples were looked at
  };
  /// `most` predictions, in no more samples than that and no fewer than `fewest`, spread over the first `samples` of the
  /// data. `fp32` executes `fused`.
  Probe(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, std::int64_t samples,
        std::int64_t fewest, std::int64_t most);
  Found operator()(const runtime::Executable& executable) const;
  /// Breaks off, behind the second sample at the earliest, when, two standard errors of the paired logarithms granted,
  /// `typical` is above `share` of the rival's; it is then what the samples so far say against the rival's on the same.
  Found against(const Found& rival, double share, const runtime::Executable& executable) const;
  /// Of one sample.
  std::int64_t predictions() const noexcept { return predictions_; }

 private:
  void look(std::size_t sample, const runtime::Executable& executable, Found& found) const;
  std::vector<std::vector<ir::Tensor>> inputs_, expected_;
  std::int64_t predictions_ = 1;
};

}  // namespace inc::tuning
