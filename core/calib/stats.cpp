#include "core/calib/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"

namespace inc::calib {
namespace {

constexpr std::int64_t kBlock = 1 << 16;
constexpr float kLargest = std::numeric_limits<float>::max();

Extremes scan(const float* x, std::int64_t count) noexcept {
  float lo = kLargest, hi = -kLargest;
  std::int32_t finite_count = 0;
#pragma omp simd reduction(min : lo) reduction(max : hi) reduction(+ : finite_count)
  for (std::int64_t i = 0; i < count; ++i) {
    const bool finite = std::fabs(x[i]) <= kLargest;
    const float low = finite ? x[i] : kLargest, high = finite ? x[i] : -kLargest;
    lo = low < lo ? low : lo;
    hi = high > hi ? high : hi;
    finite_count += finite ? 1 : 0;
  }
  if (finite_count == 0) lo = hi = 0;
  return {lo, hi, count, count - finite_count};
}

}  // namespace

void Extremes::merge(const Extremes& other) noexcept {
  if (other.any()) {
    min = any() ? std::min(min, other.min) : other.min;
    max = any() ? std::max(max, other.max) : other.max;
  }
  count += other.count;
  not_finite += other.not_finite;
}

Extremes extremes_of(const ir::Tensor& tensor) {
  const float* x = tensor.data<float>();
  const std::int64_t elements = tensor.count(), blocks = (elements + kBlock - 1) / kBlock;
  std::vector<Extremes> parts(static_cast<std::size_t>(blocks));
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      parts[static_cast<std::size_t>(b)] = scan(x + b * kBlock, std::min(kBlock, elements - b * kBlock));
  });
  Extremes all;
  for (const Extremes& part : parts) all.merge(part);
  return all;
}

void ExtremesAverage::observe(const Extremes& batch) {
  if (batch.any()) batches_.push_back({batch.min, batch.max});
}

void ExtremesAverage::merge(const ExtremesAverage& other) {
  batches_.insert(batches_.end(), other.batches_.begin(), other.batches_.end());
}

quant::Range ExtremesAverage::range() const noexcept {
  double lo = 0, hi = 0, count = 0;
  for (const quant::Range& batch : batches_) {
    const double weight = std::max(constant_, 1.0 / ++count);
    lo += weight * (batch.lo - lo);
    hi += weight * (batch.hi - hi);
  }
  return {static_cast<float>(lo), static_cast<float>(hi)};
}

Stats::Stats(const StatsOptions& options) {
  if (options.channel_axis >= 0) channels.emplace(options.channel_axis);
  if (options.histogram) histogram.emplace();
  if (options.averaging_constant > 0) average.emplace(options.averaging_constant);
}

void Stats::observe(const ir::Tensor& tensor) {
  const Extremes seen = channels ? channels->observe(tensor) : extremes_of(tensor);
  extremes.merge(seen);
  if (seen.not_finite > 0) return;
  if (histogram) histogram->observe(tensor, seen);
  if (average) average->observe(seen);
}

void Stats::merge(const Stats& other) {
  extremes.merge(other.extremes);
  if (channels && other.channels) channels->merge(*other.channels);
  if (histogram && other.histogram) histogram->merge(*other.histogram);
  if (average && other.average) average->merge(*other.average);
}

}  // namespace inc::calib
