#include "core/ops/quantization.h"

#include <fmt/format.h>

#include "core/ops/families.h"

namespace inc::ops {
namespace {

/// Which scale belongs to an element: one for all, one per index of an axis, or one per block along an axis.
class Grain {
 public:
  Grain(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& scale) {
    if (ir::element_count(scale) == 1) return;
    const int axis = normal_axis(attrs.integer("axis", 1), static_cast<int>(x.size()));
    const auto d = static_cast<std::size_t>(axis);
    const std::int64_t block = attrs.integer("block_size", 0);
    inner_ = product(x, axis + 1, static_cast<int>(x.size()));
    length_ = x[d];
    if (block == 0) {
      require(scale == ir::Shape{length_},
              fmt::format("scale {} found for axis {} of {}", to_string(scale), axis, to_string(x)));
      scales_ = length_;
      return;
    }
    require(block > 0, fmt::format("block_size {} found, expected at least 0", block));
    block_ = block;
    blocked_ = true;
    scales_ = (length_ + block - 1) / block;
    ir::Shape wanted = x;
    wanted[d] = scales_;
    require(scale == wanted, fmt::format("scale {} found, expected {}", to_string(scale), to_string(wanted)));
  }
  std::size_t at(std::int64_t i) const noexcept {
    if (scales_ == 0) return 0;
    const std::int64_t along = i / inner_ % length_;
    if (!blocked_) return static_cast<std::size_t>(along);
    return static_cast<std::size_t>((i / inner_ / length_ * scales_ + along / block_) * inner_ + i % inner_);
  }

 private:
  std::int64_t inner_ = 1, length_ = 1, block_ = 1, scales_ = 0;
  bool blocked_ = false;
};

void require_zero_point(const InferContext& c) {
  require(!c.has(2) || ir::element_count(c.inputs[2].shape) == ir::element_count(c.inputs[1].shape),
          "scale and zero point differ in shape");
}

std::vector<OutputSpec> infer_quantize(const InferContext& c) {
  Grain(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require_zero_point(c);
  const std::int64_t code = c.attrs.integer("output_dtype", 0);
  DType dtype = DType::UInt8;
  if (code != 0) dtype = dtype_from_code(code).value_or(dtype);
  if (c.has(2)) dtype = c.inputs[2].dtype;
  visit_quantized(dtype, [](auto) {});
  return {{dtype, c.inputs[0].shape}};
}

/// x / scale in the precision of `precision`: float, or rounded to the 16-bit type.
double divided(double x, double scale, DType precision) noexcept {
  const float a = static_cast<float>(x), b = static_cast<float>(scale);
  if (precision == DType::Float16) return static_cast<double>(wide(Float16(wide(Float16(a)) / wide(Float16(b)))));
  if (precision == DType::BFloat16) return static_cast<double>(wide(BFloat16(wide(BFloat16(a)) / wide(BFloat16(b)))));
  return static_cast<double>(a / b);
}

void eval_quantize(const EvalContext& c) {
  const Grain grain(c.attrs, c.inputs[0].shape(), c.inputs[1].shape());
  const auto scales = to_doubles(c.inputs[1]);
  const DType precision = dtype_from_code(c.attrs.integer("precision", 0)).value_or(c.inputs[1].dtype());
  visit_quantized(c.outputs[0].dtype(), [&](auto out_tag) {
    using Q = decltype(out_tag);
    const Q* zero_points = c.has(2) ? c.inputs[2].data<Q>() : nullptr;
    Q* y = c.outputs[0].mutable_data<Q>();
    visit_number(c.inputs[0].dtype(), [&](auto in_tag) {
      using T = decltype(in_tag);
      const T* x = c.inputs[0].data<T>();
      for (std::int64_t i = 0; i < c.inputs[0].count(); ++i) {
        const std::size_t at = grain.at(i);
        y[i] = saturated<Q>(divided(static_cast<double>(wide(x[i])), scales[at], precision),
                            zero_points == nullptr ? Q{} : zero_points[at]);
      }
    });
  });
}

std::vector<OutputSpec> infer_dequantize(const InferContext& c) {
  Grain(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require_zero_point(c);
  require(!c.has(2) || c.inputs[2].dtype == c.inputs[0].dtype, "input and zero point differ in element type");
  visit_quantized(c.inputs[0].dtype, [](auto) {});
  return {{dtype_from_code(c.attrs.integer("output_dtype", 0)).value_or(c.inputs[1].dtype), c.inputs[0].shape}};
}

void eval_dequantize(const EvalContext& c) {
  const Grain grain(c.attrs, c.inputs[0].shape(), c.inputs[1].shape());
  const auto scales = to_doubles(c.inputs[1]);
  visit_quantized(c.inputs[0].dtype(), [&](auto in_tag) {
    using Q = decltype(in_tag);
    const Q* x = c.inputs[0].data<Q>();
    const Q* zero_points = c.has(2) ? c.inputs[2].data<Q>() : nullptr;
    visit_float(c.outputs[0].dtype(), [&](auto out_tag) {
      using T = decltype(out_tag);
      T* y = c.outputs[0].mutable_data<T>();
      for (std::int64_t i = 0; i < c.inputs[0].count(); ++i) {
        const std::size_t at = grain.at(i);
        const std::int64_t centered = std::int64_t{x[i]} - (zero_points == nullptr ? 0 : std::int64_t{zero_points[at]});
        y[i] = narrow<T>(static_cast<float>(centered) * static_cast<float>(scales[at]));
      }
    });
  });
}

Support known_types(const ir::Node& node, std::int64_t) {
  for (const auto name : {"output_dtype", "precision"})
    if (const std::int64_t code = node.attrs.integer(name, 0); code != 0 && !dtype_from_code(code))
      return Support::no(fmt::format("{} {} names an element type that is not supported", name, code));
  return Support::yes();
}

std::vector<OutputSpec> infer_dynamic(const InferContext& c) {
  require(c.inputs[0].dtype == DType::Float, "a float input is expected");
  return {{DType::UInt8, c.inputs[0].shape}, {DType::Float, {}}, {DType::UInt8, {}}};
}

void eval_dynamic(const EvalContext& c) {
  float low = 0, high = 0;
  for (const float v : c.inputs[0].values<float>()) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const float scale = high == low ? 1.0f / 255.0f : (high - low) / 255.0f;
  const auto zero_point = saturated<std::uint8_t>(static_cast<double>(0.0f - low / scale), 0);
  std::uint8_t* y = c.outputs[0].mutable_data<std::uint8_t>();
  for (const float v : c.inputs[0].values<float>())
    *y++ = saturated<std::uint8_t>(static_cast<double>(v / scale), zero_point);
  *c.outputs[1].mutable_data<float>() = scale;
  *c.outputs[2].mutable_data<std::uint8_t>() = zero_point;
}

}  // namespace

std::span<const OpInfo> qdq_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "QuantizeLinear",
       .min_inputs = 2,
       .max_inputs = 3,
       .infer = infer_quantize,
       .eval = eval_quantize,
       .supports = known_types},
      {.name = "DequantizeLinear",
       .min_inputs = 2,
       .max_inputs = 3,
       .infer = infer_dequantize,
       .eval = eval_dequantize,
       .supports = known_types},
      {.name = "DynamicQuantizeLinear", .infer = infer_dynamic, .eval = eval_dynamic},
  };
  return kRows;
}

std::span<const OpInfo> quantization_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto group : {qdq_rows(), integer_rows(), saturation_rows()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
