#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool is_one_value(const ir::Graph& g, ir::ValueId id) {
  const auto shape = g.value(id).type.concrete();
  return id.none() || (shape && ir::element_count(*shape) == 1);
}

/// The scales as one per output channel of the product: [C] or [1,C,1,1] for a convolution, [N] for a matrix.
std::optional<ir::Tensor> channel_scales(const ir::Graph& g, const ir::Node& product, ir::ValueId id) {
  const ir::Tensor* scale = g.constant(id);
  if (!scale || scale->dtype() != DType::Float) return std::nullopt;
  if (scale->count() == 1) return scale->reshaped({});
  const auto weight = g.value(product.inputs[1]).type.concrete();
  if (!weight || weight->size() < 2) return std::nullopt;
  const bool conv = product.op == "ConvInteger";
  const std::int64_t channels = conv ? weight->front() : weight->back();
  const int behind = conv ? static_cast<int>(weight->size()) - 2 : 0;
  const int at = scale->rank() - 1 - behind;
  if (scale->count() != channels || at < 0 || scale->shape()[static_cast<std::size_t>(at)] != channels) return std::nullopt;
  return scale->reshaped({channels});
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("i"));
  if (g.value(m["f"]).type.dtype != DType::Float) return Support::no("");
  const ir::ValueId x_scale = channel_scales(g, product, m["b"]) ? m["a"] : m["b"];
  const ir::ValueId w_scale = x_scale == m["a"] ? m["b"] : m["a"];
  if (!channel_scales(g, product, w_scale))
    return Support::no(fmt::format("neither {} nor {} is a constant scale per output channel of '{}'", name_of(g, m["a"]),
                                   name_of(g, m["b"]), product.name));
  if (!is_one_value(g, x_scale))
    return Support::no(fmt::format("{} is not one scale for all of {}", name_of(g, x_scale), name_of(g, m["x"])));
  if (!is_one_value(g, product.input(2)))
    return Support::no(
        fmt::format("{} is not one zero point for all of {}", name_of(g, product.input(2)), name_of(g, m["x"])));
  const ir::Tensor* zeros = g.constant(product.input(3));
  if (!product.input(3).none() && (!zeros || zeros->rank() > 1))
    return Support::no(fmt::format("{} is not a constant zero point per output channel", name_of(g, product.input(3))));
  return Support::yes();
}

/// The zero points in the shape of the scales; none when they are all zero.
ir::ValueId zeros_like(const ir::Graph& g, ir::Patch& patch, const ir::Node& product, const ir::Tensor*& scales,
                       ir::Tensor& widened) {
  const ir::Tensor* zeros = g.constant(product.input(3));
  if (!zeros) return {};
  const auto values = zeros->to_int64s();
  if (std::all_of(values.begin(), values.end(), [](std::int64_t z) { return z == 0; })) return {};
  if (zeros->count() == scales->count())
    return patch.add_constant(product.name + "_w_zero", zeros->reshaped(scales->shape()));
  if (scales->count() == 1) {
    widened = ir::Tensor::of<float>({zeros->count()}, std::vector<float>(values.size(), scales->to_floats()[0]));
    scales = &widened;
    return product.input(3);
  }
  ir::Tensor all(zeros->dtype(), scales->shape());
  const std::size_t size = size_of(zeros->dtype());
  for (std::int64_t i = 0; i < all.count(); ++i)
    std::copy_n(zeros->raw(), size, all.mutable_raw() + static_cast<std::size_t>(i) * size);
  return patch.add_constant(product.name + "_w_zero", std::move(all));
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("i"));
  const bool conv = product.op == "ConvInteger";
  const bool swapped = !channel_scales(g, product, m["b"]);
  const ir::ValueId x_scale = swapped ? m["b"] : m["a"];
  const ir::Tensor given = *channel_scales(g, product, swapped ? m["a"] : m["b"]);
  ir::Patch patch(g, "a product of dequantized operands");
  const ir::Tensor* scales = &given;
  ir::Tensor widened;
  const ir::ValueId zero = zeros_like(g, patch, product, scales, widened);
  const ir::ValueId w_scale = patch.add_constant(product.name + "_w_scale", *scales);
  const std::int64_t axis = conv ? 0 : g.value(m["w"]).type.rank() - 1;
  ir::Attrs attrs;
  if (scales->count() != 1) attrs.set("axis", axis);
  std::vector<ir::ValueId> inputs = {m["w"], w_scale};
  if (!zero.none()) inputs.push_back(zero);
  const ir::TensorType type{DType::Float, g.value(m["w"]).type.dims};
  const ir::ValueId x = add_dequantize(g, patch, {m["x"], x_scale, product.input(2), 1}, product.name + "/x");
  const ir::ValueId w =
      patch.add_node({"DequantizeLinear", std::move(inputs), std::move(attrs), product.name + "/w", {type}, {}})[0];
  patch.replace(m["y"], patch.add_node(
                            {conv ? "Conv" : "MatMul", {x, w}, product.attrs, product.name, {g.value(m["y"]).type}, {}})[0]);
  return patch;
}

}  // namespace

Rule expand_integer_product() {
  return {.name = "expand_integer_product",
          .pattern = R"(
            i = MatMulInteger|ConvInteger(x, w, ...)
            f = Cast(i)
            s = Mul(a, b)
            y = Mul(f, s)
          )",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
