#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"
#include "core/calib/stats.h"

namespace inc::calib {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::int64_t kTogether = 64, kPerThread = 1 << 15;

/// A tensor as [outer, channels, inner].
struct View {
  const float* x;
  std::int64_t outer = 1, channels = 0, inner = 1;
};

View view(const ir::Tensor& tensor, int axis) {
  View v{tensor.data<float>()};
  const auto& shape = tensor.shape();
  for (std::size_t d = 0; d < shape.size(); ++d) (static_cast<int>(d) < axis ? v.outer : v.inner) *= shape[d];
  v.channels = shape[static_cast<std::size_t>(axis)];
  if (v.channels > 0) v.inner /= v.channels;
  return v;
}

/// Of channels [begin, end), at most kTogether, where inner is 1; results start from what they hold.
template <class Channel>
void scan_columns(const View& v, std::int64_t begin, std::int64_t end, Channel* out) {
  float lo[kTogether], hi[kTogether];
  double high[kTogether], low[kTogether];
  const std::int64_t n = end - begin;
  for (std::int64_t c = 0; c < n; ++c) {
    lo[c] = out[c].min, hi[c] = out[c].max;
    high[c] = out[c].squares.high, low[c] = out[c].squares.low;
  }
  for (std::int64_t o = 0; o < v.outer; ++o) {
    const float* x = v.x + o * v.channels + begin;
#pragma omp simd
    for (std::int64_t c = 0; c < n; ++c) {
      lo[c] = x[c] < lo[c] ? x[c] : lo[c];
      hi[c] = x[c] > hi[c] ? x[c] : hi[c];
      const double square = static_cast<double>(x[c]) * static_cast<double>(x[c]);
      const double sum = high[c] + square, part = sum - high[c];
      low[c] += (high[c] - (sum - part)) + (square - part);
      high[c] = sum;
    }
  }
  for (std::int64_t c = 0; c < n; ++c) out[c] = {lo[c], hi[c], {high[c], low[c]}};
}

template <class Channel>
void scan_rows(const View& v, std::int64_t channel, Channel& out) {
  for (std::int64_t o = 0; o < v.outer; ++o) {
    const float* x = v.x + (o * v.channels + channel) * v.inner;
    float lo = out.min, hi = out.max;
    double sum = 0;
#pragma omp simd reduction(min : lo) reduction(max : hi) reduction(+ : sum)
    for (std::int64_t i = 0; i < v.inner; ++i) {
      lo = x[i] < lo ? x[i] : lo;
      hi = x[i] > hi ? x[i] : hi;
      sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
    out.min = lo;
    out.max = hi;
    out.squares.add(sum);
  }
}

double rounded(double value) noexcept {
  int exponent = 0;
  const double part = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(part, ChannelStats::kMeanBits)), exponent - ChannelStats::kMeanBits);
}

}  // namespace

bool ChannelStats::fits(const ir::Tensor& tensor) {
  if (given_up_ || axis_ >= tensor.rank()) return false;
  const auto count = static_cast<std::size_t>(tensor.shape()[static_cast<std::size_t>(axis_)]);
  if (channels_.empty()) channels_.assign(count, {kLargest, -kLargest, {}});
  return channels_.size() == count;
}

Extremes ChannelStats::observe(const ir::Tensor& tensor) {
  if (tensor.count() == 0) return {};
  if (!fits(tensor)) {
    given_up_ = true;
    return extremes_of(tensor);
  }
  const View v = view(tensor, axis_);
  std::vector<Channel> fresh;
  for (const Channel& c : channels_) fresh.push_back({kLargest, -kLargest, c.squares});
  Channel* channels = fresh.data();
  if (v.inner == 1) {
    const std::int64_t chunks = (v.channels + kTogether - 1) / kTogether;
    parallel_for(chunks, kPerThread / (kTogether * v.outer), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin * kTogether; c < std::min(end * kTogether, v.channels); c += kTogether)
        scan_columns(v, c, std::min(c + kTogether, v.channels), channels + c);
    });
  } else {
    parallel_for(v.channels, kPerThread / (v.inner * v.outer), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) scan_rows(v, c, channels[c]);
    });
  }
  if (std::any_of(fresh.begin(), fresh.end(), [](const Channel& c) { return !std::isfinite(c.squares.high); })) {
    given_up_ = true;
    return extremes_of(tensor);
  }
  per_channel_ += v.outer * v.inner;
  Extremes all{fresh[0].min, fresh[0].max, tensor.count(), 0};
  for (std::size_t c = 0; c < fresh.size(); ++c) {
    all.min = std::min(all.min, fresh[c].min);
    all.max = std::max(all.max, fresh[c].max);
    channels_[c] = {std::min(channels_[c].min, fresh[c].min), std::max(channels_[c].max, fresh[c].max), fresh[c].squares};
  }
  return all;
}

void ChannelStats::merge(const ChannelStats& other) {
  given_up_ = given_up_ || other.given_up_ ||
              (!channels_.empty() && !other.channels_.empty() && channels_.size() != other.channels_.size());
  if (given_up_ || other.channels_.empty()) return;
  if (channels_.empty()) channels_.assign(other.channels_.size(), {kLargest, -kLargest, {}});
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    const Channel &a = channels_[c], &b = other.channels_[c];
    Sum squares = a.squares;
    squares.add(b.squares.high);
    squares.low += b.squares.low;
    channels_[c] = {std::min(a.min, b.min), std::max(a.max, b.max), squares};
  }
  per_channel_ += other.per_channel_;
}

std::optional<quant::ChannelRanges> ChannelStats::ranges() const {
  if (given_up_ || per_channel_ == 0) return std::nullopt;
  quant::ChannelRanges out{axis_, {}, {}};
  for (const Channel& c : channels_) {
    out.range.push_back({c.min, c.max});
    out.mean_square.push_back(rounded((c.squares.high + c.squares.low) / static_cast<double>(per_channel_)));
  }
  return out;
}

}  // namespace inc::calib
