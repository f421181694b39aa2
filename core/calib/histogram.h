#pragma once
// How often which values occur, in bins whose width is a power of two.
#include <cstdint>
#include <vector>

#include "core/calib/extremes.h"

namespace inc::calib {

/// counts[kSide + k] is the number of elements with k w ≤ x < (k + 1) w, counts[kSide - 1 - k] that of the mirror image,
/// k = 0 … kSide - 1, without zeros, which are counted apart: every quantization keeps them exactly. w = 2^exponent is the
/// smallest width that has room for everything seen, so that it, and with it every count, depends neither on order nor on
/// parts. Where the largest magnitude is at least 2^kLeastExponent · kSide, its side uses at least half of the bins.
class Histogram {
 public:
  static constexpr int kSide = 4096, kLeastExponent = -100;

  /// FP32 tensors without NaN and infinities, whose extremes are given.
  void observe(const ir::Tensor& tensor, const Extremes& seen);
  void merge(const Histogram& other);

  double width() const noexcept;
  int exponent() const noexcept { return exponent_; }
  std::int64_t zeros() const noexcept { return zeros_; }
  /// 2 · kSide numbers, by increasing value; empty while nothing was observed.
  const std::vector<std::int64_t>& counts() const noexcept { return counts_; }
  bool operator==(const Histogram&) const = default;
  template <class Archive>
  void pass(Archive& archive) {
    archive(exponent_, zeros_, counts_);
  }

 private:
  void make_room(int exponent);

  int exponent_ = kLeastExponent;
  std::int64_t zeros_ = 0;
  std::vector<std::int64_t> counts_;
};

}  // namespace inc::calib
