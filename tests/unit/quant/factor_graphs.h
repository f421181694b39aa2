#pragma once
// Graphs whose channels differ widely, and what calibration would see of them.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/quant/input_channels.h"
#include "tests/support/run.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {

struct Levels {
  int low, high;
};

inline OpConfig smooth_int8(float alpha = OpConfig::kAutomaticAlpha) {
  OpConfig config{Precision::Int8};
  config.smoothing = Smoothing::SmoothQuant;
  config.alpha = alpha;
  return config;
}
inline OpConfig equalized_int8() {
  OpConfig config{Precision::Int8};
  config.smoothing = Smoothing::Equalize;
  return config;
}
inline OpConfig per_channel_int8() {
  OpConfig config{Precision::Int8};
  config.activation.granularity = Granularity::PerChannel;
  return config;
}
inline OpConfig full_range_int8() {
  OpConfig config{Precision::Int8};
  config.weight.bound = WeightBound::Full;
  return config;
}

/// Uniform data whose scale grows by 3 from one index of `axis` to the next.
inline ir::Tensor spread_data(ir::Shape shape, std::size_t axis, std::uint64_t seed = 5) {
  ir::Tensor t = random_tensor(shape, seed);
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  float* x = t.mutable_data<float>();
  for (std::int64_t i = 0; i < t.count(); ++i) x[i] *= static_cast<float>(std::pow(3.0, i / inner % shape[axis]) / 100);
  return t;
}

inline ChannelRanges channels_of(const ir::Tensor& t, int axis) {
  const auto a = static_cast<std::size_t>(axis);
  const auto extent = static_cast<std::size_t>(t.shape()[a]);
  std::int64_t inner = 1;
  for (std::size_t i = a + 1; i < t.shape().size(); ++i) inner *= t.shape()[i];
  ChannelRanges out{axis, std::vector<Range>(extent), std::vector<double>(extent, 0.0)};
  for (std::int64_t i = 0; i < t.count(); ++i) {
    const auto c = static_cast<std::size_t>(i / inner) % extent;
    const float x = t.values<float>()[static_cast<std::size_t>(i)];
    out.range[c] = {std::min(out.range[c].lo, x), std::max(out.range[c].hi, x)};
    out.mean_square[c] +=
        static_cast<double>(x) * static_cast<double>(x) * static_cast<double>(extent) / static_cast<double>(t.count());
  }
  return out;
}

/// Min-max ranges and channels of everything that calibration watches.
inline RangeTable observed(const ir::Graph& graph, const std::vector<ir::Tensor>& inputs) {
  const auto values = testing::run_all(graph, inputs);
  RangeTable table;
  for (const Watched& w : values_to_calibrate(graph)) {
    const ir::Tensor& t = values.at(w.value);
    Range whole;
    for (const float x : t.values<float>()) whole = {std::min(whole.lo, x), std::max(whole.hi, x)};
    table.tensor[{w.value, RangeMethod::MinMax}] = whole;
    if (w.channel_axis >= 0) table.channels[w.value] = channels_of(t, w.channel_axis);
  }
  return table;
}

inline std::vector<double> largest_per_row(const ir::Tensor& t) {
  std::vector<double> out(static_cast<std::size_t>(t.shape()[0]), 0.0);
  const std::int64_t inner = t.count() / t.shape()[0];
  for (std::int64_t i = 0; i < t.count(); ++i) {
    double& m = out[static_cast<std::size_t>(i / inner)];
    m = std::max(m, std::fabs(static_cast<double>(t.values<float>()[static_cast<std::size_t>(i)])));
  }
  return out;
}
inline std::vector<double> largest_per_column(const ir::Tensor& t) {
  std::vector<double> out(static_cast<std::size_t>(t.shape()[1]), 0.0);
  const std::int64_t inner = t.count() / t.shape()[0] / t.shape()[1];
  for (std::int64_t i = 0; i < t.count(); ++i) {
    double& m = out[static_cast<std::size_t>(i / inner % t.shape()[1])];
    m = std::max(m, std::fabs(static_cast<double>(t.values<float>()[static_cast<std::size_t>(i)])));
  }
  return out;
}

/// y = x · w with a few channels of x far wider than the others.
struct Outliers {
  static constexpr std::size_t kK = 32, kN = 16;
  Builder b;
  ir::ValueId x, weight, y;

  Outliers() {
    x = b.input("x", {4, kK});
    weight = b.weight("w", {kK, kN}, 3);
    y = b.node("MatMul", "y", {x, weight}, {4, kN});
    b.output(y);
  }
  ir::Tensor data(std::int64_t rows) const {
    ir::Tensor t = random_tensor({rows, kK}, 9);
    for (std::int64_t i = 0; i < t.count(); ++i)
      if (i % static_cast<std::int64_t>(kK) < 2) t.mutable_data<float>()[i] *= 40;
    return t;
  }
  RangeTable observe(const ir::Tensor& seen) const { return observed(b.graph, {seen}); }
};

/// x → inc.Conv(w0, b0){activation} → middle → inc.Conv(w1) → y
struct Chain {
  Builder b;
  ir::ValueId x, w0, middle, w1, y;

  explicit Chain(const std::string& activation) {
    x = b.input("x", {1, 3, 6, 6});
    w0 = b.graph.add_constant("w0", spread_data({4, 3, 1, 1}, 0, 21));
    ir::Attrs attrs{{"activation", activation}};
    if (activation == "clip") attrs.set("activation_beta", 6.0f);
    if (activation == "leaky_relu") attrs.set("activation_alpha", 0.1f);
    middle =
        b.node("inc.Conv", "middle", {x, w0, b.graph.add_constant("b0", random_tensor({4}, 22, 0.1f))}, {1, 4, 6, 6}, attrs);
    w1 = b.weight("w1", {5, 4, 3, 3}, 23);
    y = b.node("inc.Conv", "y", {middle, w1, b.weight("b1", {5}, 24)}, {1, 5, 4, 4});
    b.output(y);
  }
  ir::Tensor data(std::uint64_t seed = 8) const { return random_tensor({1, 3, 6, 6}, seed); }
  RangeTable observe() const { return observed(b.graph, {data()}); }
};

}  // namespace inc::quant
