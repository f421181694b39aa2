#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/ops/normalize.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

using Doubles = std::vector<double>;

double epsilon_of(const ir::Attrs& attrs) {
  return static_cast<double>(attrs.real("epsilon", 1e-5f));
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const double* x, std::int64_t count) {
  Moments m;
  for (std::int64_t i = 0; i < count; ++i) m.mean += x[i];
  m.mean /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) m.variance += (x[i] - m.mean) * (x[i] - m.mean);
  m.variance /= static_cast<double>(count);
  return m;
}

Doubles spread(const ir::Tensor& tensor, const ir::Shape& shape) {
  const auto values = to_doubles(tensor);
  Doubles out(static_cast<std::size_t>(ir::element_count(shape)));
  for_each_position(shape, {broadcast_strides(tensor.shape(), shape)}, [&](std::int64_t i, const std::int64_t* at) {
    out[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(at[0])];
  });
  return out;
}

ir::Shape tail(const ir::Shape& shape, int axis) {
  return {shape.begin() + axis, shape.end()};
}

ir::Shape statistics_shape(const ir::Shape& shape, int axis) {
  ir::Shape out = shape;
  for (std::size_t i = static_cast<std::size_t>(axis); i < out.size(); ++i) out[i] = 1;
  return out;
}

DType stash_type(const ir::Attrs& attrs) {
  return dtype_from_code(attrs.integer("stash_type", 1)).value_or(DType::Float);
}

std::vector<OutputSpec> infer_layer(const InferContext& c) {
  const auto& shape = c.inputs[0].shape;
  const int axis = normal_axis(c.attrs.integer("axis", -1), static_cast<int>(shape.size()));
  for (std::size_t i = 1; i < c.inputs.size(); ++i)
    if (c.has(i)) broadcast_strides(c.inputs[i].shape, tail(shape, axis));
  const ir::Shape statistics = statistics_shape(shape, axis);
  std::vector<OutputSpec> outputs{
      {c.inputs[0].dtype, shape}, {stash_type(c.attrs), statistics}, {stash_type(c.attrs), statistics}};
  outputs.resize(std::max<std::size_t>(1, std::min<std::size_t>(3, c.output_count)));
  return outputs;
}

void eval_layer(const EvalContext& c) {
  const auto& shape = c.inputs[0].shape();
  const int axis = normal_axis(c.attrs.integer("axis", -1), c.inputs[0].rank());
  const std::int64_t outer = product(shape, 0, axis), inner = product(shape, axis, c.inputs[0].rank());
  const auto scale = spread(c.inputs[1], tail(shape, axis));
  const auto bias = c.has(2) ? spread(c.inputs[2], tail(shape, axis)) : Doubles(scale.size(), 0);
  auto x = to_doubles(c.inputs[0]);
  Doubles means, inverses;
  for (std::int64_t o = 0; o < outer; ++o) {
    double* line = x.data() + o * inner;
    const auto m = moments(line, inner);
    const double inverse = 1 / std::sqrt(m.variance + epsilon_of(c.attrs));
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto k = static_cast<std::size_t>(i);
      line[i] = (line[i] - m.mean) * inverse * scale[k] + bias[k];
    }
    means.push_back(m.mean);
    inverses.push_back(inverse);
  }
  from_doubles(x, c.outputs[0]);
  if (c.outputs.size() > 1) from_doubles(means, c.outputs[1]);
  if (c.outputs.size() > 2) from_doubles(inverses, c.outputs[2]);
}

std::vector<OutputSpec> infer_rms(const InferContext& c) {
  const auto& shape = c.inputs[0].shape;
  const int axis = normal_axis(c.attrs.integer("axis", -1), static_cast<int>(shape.size()));
  broadcast_strides(c.inputs[1].shape, tail(shape, axis));
  return {{c.inputs[1].dtype, shape}};
}

void eval_rms(const EvalContext& c) {
  const auto& shape = c.inputs[0].shape();
  const int axis = normal_axis(c.attrs.integer("axis", -1), c.inputs[0].rank());
  const std::int64_t outer = product(shape, 0, axis), inner = product(shape, axis, c.inputs[0].rank());
  const auto scale = spread(c.inputs[1], tail(shape, axis));
  auto x = to_doubles(c.inputs[0]);
  for (std::int64_t o = 0; o < outer; ++o) {
    double* line = x.data() + o * inner;
    double squares = 0;
    for (std::int64_t i = 0; i < inner; ++i) squares += line[i] * line[i];
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(inner) + epsilon_of(c.attrs));
    for (std::int64_t i = 0; i < inner; ++i) line[i] *= inverse * scale[static_cast<std::size_t>(i)];
  }
  from_doubles(x, c.outputs[0]);
}

void require_channels(const InferContext& c, std::size_t input, std::int64_t expected) {
  if (ir::element_count(c.inputs[input].shape) != expected)
    throw ModelError(
        fmt::format("input {} has shape {}, expected {} elements", input, to_string(c.inputs[input].shape), expected));
}

std::int64_t group_count(const ir::Attrs& attrs, const ir::Shape& shape, bool instance) {
  return instance ? shape[1] : attrs.integer("num_groups", 1);
}

template <bool kInstance>
std::vector<OutputSpec> infer_group(const InferContext& c) {
  const auto& shape = c.inputs[0].shape;
  require(shape.size() >= 2, "the input has no channel dimension");
  const std::int64_t groups = group_count(c.attrs, shape, kInstance);
  if (groups < 1 || shape[1] % groups != 0)
    throw ModelError(fmt::format("{} channels cannot be split into {} groups", shape[1], groups));
  const std::int64_t factors = !kInstance && c.opset < 21 ? groups : shape[1];
  require_channels(c, 1, factors);
  require_channels(c, 2, factors);
  return infer_same(c);
}

template <bool kInstance>
void eval_group(const EvalContext& c) {
  const auto& shape = c.inputs[0].shape();
  const std::int64_t channels = shape[1], groups = group_count(c.attrs, shape, kInstance);
  const std::int64_t area = product(shape, 2, c.inputs[0].rank()), inner = channels / groups * area;
  const bool per_group = !kInstance && c.opset < 21;
  const auto scale = to_doubles(c.inputs[1]), bias = to_doubles(c.inputs[2]);
  auto x = to_doubles(c.inputs[0]);
  for (std::int64_t o = 0; o < shape[0] * groups; ++o) {
    double* line = x.data() + o * inner;
    const auto m = moments(line, inner);
    const double inverse = 1 / std::sqrt(m.variance + epsilon_of(c.attrs));
    for (std::int64_t i = 0; i < inner; ++i) {
      const std::int64_t group = o % groups;
      const auto k = static_cast<std::size_t>(per_group ? group : group * (channels / groups) + i / area);
      line[i] = (line[i] - m.mean) * inverse * scale[k] + bias[k];
    }
  }
  from_doubles(x, c.outputs[0]);
}

std::vector<OutputSpec> infer_batch(const InferContext& c) {
  const auto& shape = c.inputs[0].shape;
  require(!shape.empty(), "the input of BatchNormalization is a scalar");
  for (std::size_t i = 1; i < 5; ++i) require_channels(c, i, shape.size() > 1 ? shape[1] : 1);
  return {{c.inputs[0].dtype, shape}};
}

void eval_batch(const EvalContext& c) {
  const auto& shape = c.inputs[0].shape();
  const std::int64_t channels = shape.size() > 1 ? shape[1] : 1, area = product(shape, 2, c.inputs[0].rank());
  const auto scale = to_doubles(c.inputs[1]), bias = to_doubles(c.inputs[2]), mean = to_doubles(c.inputs[3]),
             variance = to_doubles(c.inputs[4]);
  auto x = to_doubles(c.inputs[0]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i / static_cast<std::size_t>(area) % static_cast<std::size_t>(channels);
    x[i] = (x[i] - mean[k]) / std::sqrt(variance[k] + epsilon_of(c.attrs)) * scale[k] + bias[k];
  }
  from_doubles(x, c.outputs[0]);
}

Support supports_batch(const ir::Node& node, std::int64_t) {
  if (node.attrs.integer("training_mode", 0) != 0)
    return Support::no("BatchNormalization in training mode is not supported");
  return Support::yes();
}

void eval_mean_variance(const EvalContext& c) {
  const auto& shape = c.inputs[0].shape();
  ir::Shape kept = shape;
  for (const int axis : normal_axes(c.attrs.integers("axes", {0, 2, 3}), c.inputs[0].rank()))
    kept[static_cast<std::size_t>(axis)] = 1;
  auto x = to_doubles(c.inputs[0]);
  const auto cells = static_cast<std::size_t>(ir::element_count(kept));
  Doubles mean(cells, 0), variance(cells, 0);
  const double count = static_cast<double>(x.size()) / static_cast<double>(cells);
  const auto each = [&](auto fn) {
    for_each_position(shape, {broadcast_strides(kept, shape)}, [&](std::int64_t i, const std::int64_t* at) {
      fn(x[static_cast<std::size_t>(i)], static_cast<std::size_t>(at[0]));
    });
  };
  each([&](double& value, std::size_t cell) { mean[cell] += value / count; });
  each([&](double& value, std::size_t cell) { variance[cell] += (value - mean[cell]) * (value - mean[cell]) / count; });
  each([&](double& value, std::size_t cell) { value = (value - mean[cell]) / (std::sqrt(variance[cell]) + 1e-9); });
  from_doubles(x, c.outputs[0]);
}

}  // namespace

std::span<const OpInfo> normalize_moment_rows() noexcept {
  static const OpInfo rows[] = {
      {.name = "LayerNormalization",
       .min_inputs = 2,
       .max_inputs = 3,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_layer,
       .eval = eval_layer},
      {.name = "RMSNormalization",
       .min_inputs = 2,
       .max_inputs = 2,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_rms,
       .eval = eval_rms},
      {.name = "GroupNormalization",
       .min_inputs = 3,
       .max_inputs = 3,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_group<false>,
       .eval = eval_group<false>},
      {.name = "InstanceNormalization",
       .min_inputs = 3,
       .max_inputs = 3,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_group<true>,
       .eval = eval_group<true>},
      {.name = "BatchNormalization",
       .min_inputs = 5,
       .max_inputs = 5,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_batch,
       .eval = eval_batch,
       .supports = supports_batch},
      {.name = "MeanVarianceNormalization", .infer = infer_same, .eval = eval_mean_variance},
  };
  return rows;
}

}  // namespace inc::ops
