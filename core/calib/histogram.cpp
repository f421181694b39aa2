#include "core/calib/histogram.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "core/base/parallel.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide, kBins = 2 * kSide;
constexpr std::int64_t kBlock = 1 << 16, kPiece = 1024, kTables = 4;

/// Bins of n elements; returns how many are zero. Those are put into bin kSide.
std::int32_t find_bins(const float* x, std::int64_t n, float per_width, std::int32_t* bins) noexcept {
  std::int32_t zeros = 0;
#pragma omp simd reduction(+ : zeros)
  for (std::int64_t i = 0; i < n; ++i) {
    bins[i] = kSide + static_cast<std::int32_t>(x[i] * per_width) - (x[i] < 0 ? 1 : 0);
    zeros += x[i] == 0 ? 1 : 0;
  }
  return zeros;
}

/// Several tables, so that equal neighbours do not wait for each other.
struct Tally {
  std::vector<std::uint32_t> tables = std::vector<std::uint32_t>(kTables * kBins);
  std::int64_t zeros = 0;

  void add(const float* x, std::int64_t count, float per_width) {
    std::int32_t bins[kPiece];
    std::uint32_t* t = tables.data();
    for (std::int64_t at = 0; at < count; at += kPiece) {
      const std::int64_t n = std::min(kPiece, count - at);
      zeros += find_bins(x + at, n, per_width, bins);
      std::int64_t i = 0;
      for (; i + kTables <= n; i += kTables)
        for (std::int64_t k = 0; k < kTables; ++k) ++t[k * kBins + bins[i + k]];
      for (; i < n; ++i) ++t[bins[i]];
    }
  }
  void pour(std::vector<std::int64_t>& counts) {
    for (int b = 0; b < kBins; ++b)
      for (std::int64_t k = 0; k < kTables; ++k)
        counts[static_cast<std::size_t>(b)] += tables[static_cast<std::size_t>(k * kBins + b)];
    std::fill(tables.begin(), tables.end(), 0u);
  }
};

/// The smallest exponent whose bins reach beyond the magnitude.
int exponent_for(float magnitude) noexcept {
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  return std::max(exponent - std::ilogb(static_cast<float>(kSide)), Histogram::kLeastExponent);
}

}  // namespace

double Histogram::width() const noexcept {
  return std::ldexp(1.0, exponent_);
}

void Histogram::make_room(int exponent) {
  if (counts_.empty()) counts_.assign(kBins, 0);
  if (exponent <= exponent_) return;
  const int shift = std::min(exponent - exponent_, 31);
  exponent_ = exponent;
  for (int k = 0; k < kSide; ++k) {
    const int to = k >> shift;
    if (to == k) continue;
    for (const auto& [from, into] : {std::pair{kSide + k, kSide + to}, std::pair{kSide - 1 - k, kSide - 1 - to}}) {
      counts_[static_cast<std::size_t>(into)] += counts_[static_cast<std::size_t>(from)];
      counts_[static_cast<std::size_t>(from)] = 0;
    }
  }
}

void Histogram::observe(const ir::Tensor& tensor, const Extremes& seen) {
  if (seen.count == 0) return;
  make_room(exponent_for(std::max(std::fabs(seen.min), std::fabs(seen.max))));
  const float per_width = std::ldexp(1.0f, -exponent_), *x = tensor.data<float>();
  const std::int64_t elements = tensor.count(), blocks = (elements + kBlock - 1) / kBlock;
  constexpr std::int64_t kMostPerTable = 1 << 14;
  std::mutex mutex;
  std::int64_t zeros = 0;
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    Tally tally;
    for (std::int64_t first = begin; first < end; first += kMostPerTable) {
      const std::int64_t from = first * kBlock, to = std::min(std::min(first + kMostPerTable, end) * kBlock, elements);
      tally.add(x + from, to - from, per_width);
      const std::lock_guard lock(mutex);
      tally.pour(counts_);
    }
    const std::lock_guard lock(mutex);
    zeros += tally.zeros;
  });
  counts_[kSide] -= zeros;
  zeros_ += zeros;
}

void Histogram::merge(const Histogram& other) {
  if (other.counts_.empty()) return;
  make_room(other.exponent_);
  Histogram same = other;
  same.make_room(exponent_);
  std::transform(counts_.begin(), counts_.end(), same.counts_.begin(), counts_.begin(), std::plus<>());
  zeros_ += other.zeros_;
}

}  // namespace inc::calib
