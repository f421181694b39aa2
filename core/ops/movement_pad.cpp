#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "core/ops/movement.h"
#include "core/ops/pad.h"

namespace inc::ops {
namespace {

/// For each axis, the source index of every output index; -1 where the fill value stands.
using AxisMaps = std::vector<std::vector<std::int64_t>>;

template <class Word>
void copy_mapped(const Word* x, const Strides& x_strides, Word* y, const Strides& y_strides, const AxisMaps& maps,
                 std::size_t axis) {
  const auto& map = maps[axis];
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map[i] < 0) continue;
    const Word* from = x + map[i] * x_strides[axis];
    Word* to = y + static_cast<std::int64_t>(i) * y_strides[axis];
    if (axis + 1 == maps.size())
      *to = *from;
    else
      copy_mapped(from, x_strides, to, y_strides, maps, axis + 1);
  }
}

template <class Word>
void copy_mapped(const ir::Tensor& from, ir::Tensor& to, const AxisMaps& maps, const ir::Tensor* fill) {
  auto* y = reinterpret_cast<Word*>(to.mutable_raw());
  Word value{};
  if (fill != nullptr) std::memcpy(&value, fill->raw(), sizeof value);
  std::fill(y, y + to.count(), value);
  const auto* x = reinterpret_cast<const Word*>(from.raw());
  if (maps.empty())
    *y = *x;
  else
    copy_mapped(x, strides_of(from.shape()), y, strides_of(to.shape()), maps, 0);
}

void copy_mapped(const ir::Tensor& from, ir::Tensor& to, const AxisMaps& maps, const ir::Tensor* fill) {
  if (to.count() == 0) return;
  switch (size_of(from.dtype())) {
    case 1:
      return copy_mapped<std::uint8_t>(from, to, maps, fill);
    case 2:
      return copy_mapped<std::uint16_t>(from, to, maps, fill);
    case 4:
      return copy_mapped<std::uint32_t>(from, to, maps, fill);
    default:
      return copy_mapped<std::uint64_t>(from, to, maps, fill);
  }
}

struct Pads {
  std::vector<std::int64_t> begin, end;
};

template <class Context>
Pads pads_of(const Context& c, const ir::Shape& x) {
  const std::size_t rank = x.size();
  const auto pads = integers_from(c, 1, c.attrs.has("paddings") ? "paddings" : "pads");
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  axes = integers_from(c, 3, "", axes);
  normal_axes(axes, static_cast<int>(rank));
  require(pads.size() == 2 * axes.size(), fmt::format("{} pads found, expected {}", pads.size(), 2 * axes.size()));
  Pads out{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(normal_axis(axes[i], static_cast<int>(rank)));
    out.begin[d] = pads[i];
    out.end[d] = pads[i + axes.size()];
  }
  return out;
}

std::vector<OutputSpec> infer_pad(const InferContext& c) {
  ir::Shape shape = c.inputs[0].shape;
  const Pads pads = pads_of(c, shape);
  const std::string mode = c.attrs.text("mode", "constant");
  require(mode == "constant" || mode == "reflect" || mode == "edge" || mode == "wrap",
          fmt::format("mode '{}' found, expected constant, reflect, edge or wrap", mode));
  for (std::size_t d = 0; d < shape.size(); ++d) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    require(std::abs(pads.begin[d]) < kMost && std::abs(pads.end[d]) < kMost,
            fmt::format("pads {} and {} found", pads.begin[d], pads.end[d]));
    const bool grows = pads.begin[d] > 0 || pads.end[d] > 0;
    require(mode == "constant" || !grows || shape[d] > 0, fmt::format("mode {} cannot extend an empty axis", mode));
    shape[d] += pads.begin[d] + pads.end[d];
    require(shape[d] >= 0, fmt::format("pads leave {} elements along axis {}", shape[d], d));
  }
  return {{c.inputs[0].dtype, shape}};
}

void eval_pad(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const Pads pads = pads_of(c, x);
  const std::string mode = c.attrs.text("mode", "constant");
  AxisMaps maps(x.size());
  for (std::size_t d = 0; d < x.size(); ++d)
    for (std::int64_t i = 0; i < c.outputs[0].shape()[d]; ++i) maps[d].push_back(padded_from(i - pads.begin[d], x[d], mode));
  if (c.has(2)) {
    require(c.inputs[2].count() == 1 && c.inputs[2].dtype() == c.inputs[0].dtype(),
            "constant_value must be one value of the input's type");
    return copy_mapped(c.inputs[0], c.outputs[0], maps, &c.inputs[2]);
  }
  const ir::Tensor value = cast(ir::Tensor::scalar(c.attrs.real("value", 0)), c.inputs[0].dtype());
  copy_mapped(c.inputs[0], c.outputs[0], maps, &value);
}

std::vector<OutputSpec> infer_center_crop_pad(const InferContext& c) {
  ir::Shape shape = c.inputs[0].shape;
  std::vector<std::int64_t> axes(shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = c.attrs.integers("axes", axes);
  normal_axes(axes, static_cast<int>(shape.size()));
  const auto wanted = known_integers(c, 1);
  require(wanted.size() == axes.size(), fmt::format("shape {} found for {} axes", to_string(wanted), axes.size()));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    require(wanted[i] >= 0, fmt::format("dimension {} found, expected at least 0", wanted[i]));
    shape[static_cast<std::size_t>(normal_axis(axes[i], static_cast<int>(shape.size())))] = wanted[i];
  }
  return {{c.inputs[0].dtype, shape}};
}

void eval_center_crop_pad(const EvalContext& c) {
  const auto &x = c.inputs[0].shape(), &y = c.outputs[0].shape();
  AxisMaps maps(x.size());
  for (std::size_t d = 0; d < x.size(); ++d) {
    const std::int64_t shift = x[d] >= y[d] ? (x[d] - y[d]) / 2 : -((y[d] - x[d]) / 2);
    for (std::int64_t i = 0; i < y[d]; ++i) maps[d].push_back(padded_from(i + shift, x[d], "constant"));
  }
  copy_mapped(c.inputs[0], c.outputs[0], maps, nullptr);
}

}  // namespace

std::int64_t padded_from(std::int64_t i, std::int64_t n, const std::string& mode) {
  if (i >= 0 && i < n) return i;
  if (mode == "constant") return -1;
  if (mode == "edge") return i < 0 ? 0 : n - 1;
  const std::int64_t period = mode == "wrap" ? n : std::max<std::int64_t>(1, 2 * (n - 1));
  const std::int64_t r = (i % period + period) % period;
  return r < n ? r : period - r;
}

std::span<const OpInfo> pad_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Pad",
       .max_inputs = 4,
       .quant = QuantRole::PassThrough,
       .bf16 = Bf16Policy::Infer,
       .value_inputs = 1u << 1 | 1u << 3,
       .infer = infer_pad,
       .eval = eval_pad},
      {.name = "CenterCropPad",
       .min_inputs = 2,
       .max_inputs = 2,
       .quant = QuantRole::PassThrough,
       .bf16 = Bf16Policy::Infer,
       .value_inputs = 1u << 1,
       .infer = infer_center_crop_pad,
       .eval = eval_center_crop_pad},
  };
  return kRows;
}

}  // namespace inc::ops
