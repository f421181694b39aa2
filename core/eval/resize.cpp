#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/eval/image.h"

namespace inc::eval {
namespace {

double triangle(double x) noexcept {
  return std::max(0.0, 1.0 - std::abs(x));
}

double cubic(double x) noexcept {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

struct Filter {
  double (*weight)(double) noexcept;
  double support;
};

struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> taps_of(std::int64_t from, std::int64_t to, const Filter& filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0), support = filter.support * stretch, inverse = 1.0 / stretch;
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    Taps& taps = all[static_cast<std::size_t>(i)];
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    taps.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const std::int64_t end = std::min(from, static_cast<std::int64_t>(centre + support + 0.5));
    double sum = 0;
    for (std::int64_t x = taps.first; x < end; ++x) {
      taps.weights.push_back(filter.weight((static_cast<double>(x) - centre + 0.5) * inverse));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights)
      if (sum != 0.0) weight /= sum;
  }
  return all;
}

constexpr int kFixedBits = 32 - 8 - 2;

struct FixedPoint {
  using Value = std::uint8_t;
  using Weight = std::int32_t;
  using Sum = std::int32_t;
  static constexpr Sum kStart = 1 << (kFixedBits - 1);
  static Weight weight(double w) noexcept { return static_cast<Weight>(w * (1 << kFixedBits) + (w < 0 ? -0.5 : 0.5)); }
  static Value finish(Sum sum) noexcept { return static_cast<Value>(std::clamp(sum >> kFixedBits, 0, 255)); }
};

struct Floating {
  using Value = float;
  using Weight = double;
  using Sum = double;
  static constexpr Sum kStart = 0;
  static Weight weight(double w) noexcept { return w; }
  static Value finish(Sum sum) noexcept { return static_cast<float>(sum); }
};

/// Filters the middle axis of [outer, from, inner] to [outer, to, inner].
template <class Arithmetic>
void filter_axis(const typename Arithmetic::Value* source, typename Arithmetic::Value* out, std::int64_t outer,
                 std::int64_t from, std::int64_t inner, const std::vector<Taps>& all) {
  const auto to = static_cast<std::int64_t>(all.size());
  std::vector<typename Arithmetic::Sum> sums(static_cast<std::size_t>(inner));
  std::vector<typename Arithmetic::Weight> weights;
  for (std::int64_t i = 0; i < to; ++i) {
    const Taps& taps = all[static_cast<std::size_t>(i)];
    weights.clear();
    for (const double weight : taps.weights) weights.push_back(Arithmetic::weight(weight));
    for (std::int64_t o = 0; o < outer; ++o) {
      std::fill(sums.begin(), sums.end(), Arithmetic::kStart);
      const auto* row = source + (o * from + taps.first) * inner;
      for (const auto weight : weights) {
        for (std::int64_t c = 0; c < inner; ++c) sums[static_cast<std::size_t>(c)] += row[c] * weight;
        row += inner;
      }
      auto* to_row = out + (o * to + i) * inner;
      for (std::int64_t c = 0; c < inner; ++c) to_row[c] = Arithmetic::finish(sums[static_cast<std::size_t>(c)]);
    }
  }
}

template <class Arithmetic>
ir::Tensor filtered(ir::Tensor image, std::int64_t height, std::int64_t width, const Filter& filter) {
  using Value = typename Arithmetic::Value;
  const std::int64_t h = image.shape()[0], w = image.shape()[1], channels = image.shape()[2];
  if (w != width) {
    ir::Tensor next(image.dtype(), {h, width, channels});
    filter_axis<Arithmetic>(image.data<Value>(), next.mutable_data<Value>(), h, w, channels, taps_of(w, width, filter));
    image = std::move(next);
  }
  if (h != height) {
    ir::Tensor next(image.dtype(), {height, width, channels});
    filter_axis<Arithmetic>(image.data<Value>(), next.mutable_data<Value>(), 1, h, width * channels,
                            taps_of(h, height, filter));
    image = std::move(next);
  }
  return image;
}

std::vector<std::int64_t> nearest_of(std::int64_t from, std::int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  std::vector<std::int64_t> picks;
  double at = step * 0.5;
  for (std::int64_t i = 0; i < to; ++i, at += step) picks.push_back(std::min(from - 1, static_cast<std::int64_t>(at)));
  return picks;
}

ir::Tensor picked(const ir::Tensor& image, std::int64_t height, std::int64_t width) {
  const std::int64_t w = image.shape()[1];
  const std::size_t pixel = static_cast<std::size_t>(image.shape()[2]) * size_of(image.dtype());
  const auto rows = nearest_of(image.shape()[0], height), columns = nearest_of(w, width);
  ir::Tensor out(image.dtype(), {height, width, image.shape()[2]});
  auto* to = out.mutable_raw();
  for (const auto y : rows)
    for (const auto x : columns) to = std::copy_n(image.raw() + static_cast<std::size_t>(y * w + x) * pixel, pixel, to);
  return out;
}

}  // namespace

ir::Tensor resize(const ir::Tensor& image, std::int64_t height, std::int64_t width, Interpolation interpolation) {
  if (image.rank() != 3 || image.count() == 0 || height <= 0 || width <= 0)
    throw DataError(fmt::format("cannot resize: {} to {}x{} found, a non-empty [height, width, channels] image expected",
                                image.type().to_string(), height, width));
  if (image.shape()[0] == height && image.shape()[1] == width) return image;
  if (interpolation == Interpolation::Nearest) return picked(image, height, width);
  const Filter filter = interpolation == Interpolation::Bilinear ? Filter{triangle, 1.0} : Filter{cubic, 2.0};
  if (image.dtype() == DType::UInt8) return filtered<FixedPoint>(image, height, width, filter);
  if (image.dtype() == DType::Float) return filtered<Floating>(image, height, width, filter);
  throw DataError(fmt::format("cannot resize: {} found, uint8 or float expected", name_of(image.dtype())));
}

}  // namespace inc::eval
