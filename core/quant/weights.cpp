#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/quant/pairs.h"

namespace inc::quant {
namespace {

/// Which scale an element of the weight belongs to.
struct Channels {
  std::int64_t count = 1, inner = 1;
  int axis = -1;
  std::size_t of(std::int64_t flat) const noexcept { return axis < 0 ? 0 : static_cast<std::size_t>(flat / inner % count); }
};

Channels channels_of(const ir::Shape& shape, const Scheme& scheme, int axis) {
  Channels c;
  if (scheme.granularity == Granularity::PerTensor) return c;
  INC_CHECK(axis >= 0 && axis < static_cast<int>(shape.size()), "channel axis is an axis of the weight");
  c.axis = axis;
  c.count = shape[static_cast<std::size_t>(axis)];
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) c.inner *= shape[i];
  return c;
}

void check_scheme(const Scheme& scheme) {
  if (scheme.dtype == DType::Int8 && scheme.symmetry == Symmetry::Symmetric) return;
  throw ConfigError(
      fmt::format("weight scheme: {} {} found, int8 sym expected", inc::name_of(scheme.dtype), name_of(scheme.symmetry)));
}

std::vector<float> largest_magnitudes(const ir::Tensor& weight, const Channels& channels) {
  std::vector<float> largest(static_cast<std::size_t>(channels.count), 0.0f);
  const auto refuse = [&](std::int64_t i) {
    throw ModelError(fmt::format("weight is not finite: {} found at element {}", weight.data<float>()[i], i));
  };
  const float* w = weight.data<float>();
  const std::int64_t inner = channels.axis < 0 ? weight.count() : channels.inner;
  if (inner == 1) {
    for (std::int64_t first = 0; first < weight.count(); first += channels.count) {
      float* m = largest.data();
      int lost = 0;
#pragma omp simd reduction(| : lost)
      for (std::int64_t c = 0; c < channels.count; ++c) {
        const float magnitude = std::fabs(w[first + c]);
        lost |= magnitude <= std::numeric_limits<float>::max() ? 0 : 1;
        m[c] = magnitude > m[c] ? magnitude : m[c];
      }
      for (std::int64_t c = 0; lost != 0 && c < channels.count; ++c)
        if (!std::isfinite(w[first + c])) refuse(first + c);
    }
    return largest;
  }
  for (std::int64_t first = 0, row = 0; first < weight.count(); first += inner, ++row) {
    float& m = largest[static_cast<std::size_t>(row % channels.count)];
    for (std::int64_t i = first; i < first + inner; ++i) {
      if (!std::isfinite(w[i])) refuse(i);
      m = std::max(m, std::fabs(w[i]));
    }
  }
  return largest;
}

/// Calls fn(i, j, channel) for every pair; side by side for pairs of different channels.
template <class Fn>
void for_each_pair_by_channel(const ir::Shape& shape, PairOrder order, const Channels& channels, Fn&& fn) {
  if (order == PairOrder::None) return;
  const PairExtents e = pair_extents(shape, order);
  const bool by_block = channels.axis == 0 && e.outer == channels.count && e.lanes == 1;
  const bool by_lane = channels.axis + 1 == static_cast<int>(shape.size()) && e.taps == 0 && e.lanes == channels.count;
  for (std::int64_t o = 0; o < e.outer; ++o) {
    for (std::int64_t k = 0; by_lane && k + 1 < e.k; k += 2) {
      const std::int64_t row = (o * e.k + k) * e.lanes;
#pragma omp simd
      for (std::int64_t lane = 0; lane < e.lanes; ++lane)
        fn(row + lane, row + e.lanes + lane, static_cast<std::size_t>(lane));
    }
    if (by_lane) continue;
    const auto block = static_cast<std::size_t>(o);
    for_each_pair_in(e, o,
                     [&](std::int64_t i, std::int64_t j, std::int64_t) { fn(i, j, by_block ? block : channels.of(i)); });
  }
}

std::vector<double> largest_pair_sums(const ir::Tensor& weight, const Channels& channels, PairOrder pairs) {
  std::vector<double> largest(static_cast<std::size_t>(channels.count), 0.0);
  const float* w = weight.data<float>();
  double* most = largest.data();
  for_each_pair_by_channel(weight.shape(), pairs, channels, [=](std::int64_t i, std::int64_t j, std::size_t c) {
    const double sum = (w[i] < 0) != (w[j] < 0) ? 0 : std::fabs(static_cast<double>(w[i]) + static_cast<double>(w[j]));
    most[c] = sum > most[c] ? sum : most[c];
  });
  return largest;
}

std::vector<std::int32_t> saturating_channels(const ir::Tensor& q, const Channels& channels, PairOrder pairs) {
  std::vector<std::int32_t> over(static_cast<std::size_t>(channels.count), 0);
  const std::int8_t* w = q.data<std::int8_t>();
  std::int32_t* found = over.data();
  for_each_pair_by_channel(q.shape(), pairs, channels, [=](std::int64_t i, std::int64_t j, std::size_t c) {
    const int a = w[i], b = w[j], sum = a + b;
    found[c] |= ((a < 0) == (b < 0) && (sum > kPairLimit || sum < -kPairLimit)) ? 1 : 0;
  });
  return over;
}

constexpr float kScaleOfZeros = 0x1p-20f;

/// A channel of zeros may have any scale; it takes the largest of the others, which keeps its bias as fine as theirs.
void fill_zero_channels(std::vector<float>& scale) {
  const float largest = scale.empty() ? 0.0f : *std::max_element(scale.begin(), scale.end());
  for (float& s : scale)
    if (s == 0) s = largest > 0 ? largest : kScaleOfZeros;
}

float scale_for(double magnitude, double levels) {
  return magnitude > 0 ? std::max(static_cast<float>(magnitude / levels), std::numeric_limits<float>::min()) : 0.0f;
}

}  // namespace

QuantizedWeight quantize_weight(const ir::Tensor& given, const Scheme& scheme, int channel_axis, PairOrder pairs) {
  check_scheme(scheme);
  const ir::Tensor weight = given.at_hand();
  const Channels channels = channels_of(weight.shape(), scheme, channel_axis);
  const auto magnitudes = largest_magnitudes(weight, channels);
  const double levels = scheme.bound == WeightBound::SevenBit ? 63 : 127;
  QuantizedWeight out{{}, {DType::Int8, {}, std::vector<std::int32_t>(magnitudes.size(), 0), channels.axis}};
  for (const float m : magnitudes) out.qparams.scale.push_back(scale_for(m, levels));
  const std::vector<float> unbounded = out.qparams.scale;
  fill_zero_channels(out.qparams.scale);
  out.q = quantize(weight, out.qparams);
  if (scheme.bound != WeightBound::PairBounded) return out;
  // A pair at most `limit` before rounding is at most `limit` + 1 after it, so 127 always holds and more sometimes does.
  const auto sums = largest_pair_sums(weight, channels, pairs);
  for (const double limit : {128.0, 127.5, 127.0, 126.5}) {
    const auto over = saturating_channels(out.q, channels, pairs);
    if (std::find(over.begin(), over.end(), 1) == over.end()) return out;
    for (std::size_t c = 0; c < over.size(); ++c)
      if (over[c] != 0) out.qparams.scale[c] = std::max(unbounded[c], scale_for(sums[c], limit));
    out.q = quantize(weight, out.qparams);
  }
  INC_CHECK(cannot_saturate(out.q, pairs), "pair-bounded weights cannot saturate");
  return out;
}

std::shared_ptr<const QuantizedWeight> WeightCache::get(const ir::Tensor& weight, const Scheme& scheme, int channel_axis,
                                                        PairOrder pairs) {
  return get(weight, scheme, channel_axis, pairs, {}, {});
}

std::shared_ptr<const QuantizedWeight> WeightCache::get(const ir::Tensor& weight, const Scheme& scheme, int channel_axis,
                                                        PairOrder pairs, const InputChannels& channels,
                                                        std::span<const float> factor) {
  const std::uint64_t factors =
      factor.empty() ? 0 : ir::Tensor::of<float>({channels.count}, {factor.begin(), factor.end()}).content_hash();
  const auto key = std::make_tuple(content_of(weight), factors, scheme, channel_axis, pairs);
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(key); it != entries_.end()) return it->second;
  }
  auto fresh = std::make_shared<const QuantizedWeight>(
      quantize_weight(factor.empty() ? weight : scale_inputs(weight, channels, factor), scheme, channel_axis, pairs));
  const std::lock_guard lock(mutex_);
  return entries_.emplace(key, std::move(fresh)).first->second;
}

std::uint64_t WeightCache::content_of(const ir::Tensor& weight) {
  {
    const std::lock_guard lock(mutex_);
    const auto it = hashes_.find(weight.identity());
    if (it != hashes_.end() && it->second.first.type() == weight.type()) return it->second.second;
  }
  const std::uint64_t hash = weight.content_hash();
  const std::lock_guard lock(mutex_);
  hashes_.insert_or_assign(weight.identity(), std::make_pair(weight, hash));
  return hash;
}

}  // namespace inc::quant
