#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

constexpr std::size_t kBias = 8;

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  if (node.input(kBias).none()) return Support::yes();
  for (const char* scale : {"xs", "ws"})
    if (!g.constant(m[scale]))
      return Support::no(
          fmt::format("the bias of '{}' has no constant scale: {} is computed", node.name, name_of(g, m[scale])));
  return Support::yes();
}

ir::ValueId add_bias(const ir::Graph& g, ir::Patch& patch, const Match& m, const ir::Node& node) {
  const float x_scale = *scalar(g, m["xs"]);
  std::vector<float> scales = g.constant(m["ws"])->to_floats();
  for (float& s : scales) s *= x_scale;
  const bool one = scales.size() == 1;
  const ir::ValueId scale = patch.add_constant(
      node.name + "_bias_scale",
      one ? ir::Tensor::scalar(scales[0]) : ir::Tensor::of<float>({static_cast<std::int64_t>(scales.size())}, scales));
  const ir::TensorType type{DType::Float, g.value(node.inputs[kBias]).type.dims};
  ir::Attrs attrs;
  if (!one) attrs.set("axis", std::int64_t{0});
  return patch.add_node(
      {"DequantizeLinear", {node.inputs[kBias], scale}, std::move(attrs), node.name + "/bias", {type}, {}})[0];
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  ir::Patch patch(g, "a convolution between DequantizeLinear and QuantizeLinear");
  const ir::ValueId x = add_dequantize(g, patch, {m["x"], m["xs"], m["xz"], 1}, node.name + "/x");
  const ir::ValueId w = add_dequantize(g, patch, {m["w"], m["ws"], m["wz"], 0}, node.name + "/w");
  std::vector<ir::ValueId> inputs = {x, w};
  if (!node.input(kBias).none()) inputs.push_back(add_bias(g, patch, m, node));
  const ir::TensorType& type = g.value(m["y"]).type;
  const ir::TensorType real{DType::Float, type.dims};
  const ir::ValueId y = patch.add_node({"Conv", std::move(inputs), node.attrs, node.name, {real}, {}})[0];
  patch.replace(m["y"], patch.add_node({"QuantizeLinear", {y, m["ys"], m["yz"]}, {}, node.name + "/y", {type}, {}})[0]);
  return patch;
}

}  // namespace

Rule expand_qlinear_conv() {
  return {.name = "expand_qlinear_conv",
          .pattern = "y = QLinearConv(x, xs, xz, w, ws, wz, ys, yz, ...)",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
