#include "core/ops/support.h"
#include "core/passes/lower/since.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

constexpr std::int64_t kOnnxFloat = 1, kOnnxBFloat16 = 16;

std::int64_t since(const ir::Node& node) {
  if (node.op == "HardSwish") return kHardSwishOpset;
  if (node.op == "LayerNormalization") return kLayerNormalizationOpset;
  return node.op == "Gelu" ? kGeluOpset : kRmsNormalizationOpset;
}

Support where(const ir::Graph& g, const Match& m) {
  const bool applies = g.value(m["y"]).type.dtype == DType::BFloat16 && g.opset < since(g.node(m.node("y")));
  return applies ? Support::yes() : Support::no("");
}

/// The parts of a decomposed operator compute in FP32, as the whole does.
ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  ir::Patch patch(g, "FP32 between casts");
  ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {{DType::Float, g.value(m["y"]).type.dims}}, {}};
  for (const ir::ValueId id : node.inputs) {
    const ir::Value& value = g.value(id);
    if (value.constant)
      spec.inputs.push_back(patch.add_constant(value.name + "_float", ops::cast(*value.constant, DType::Float)));
    else
      spec.inputs.push_back(patch.add_node(
          {"Cast", {id}, {{"to", kOnnxFloat}}, node.name + "/float", {{DType::Float, value.type.dims}}, {}})[0]);
  }
  const ir::ValueId wide = patch.add_node(std::move(spec))[0];
  patch.replace(
      m["y"],
      patch.add_node({"Cast", {wide}, {{"to", kOnnxBFloat16}}, node.name + "/bfloat16", {g.value(m["y"]).type}, {}})[0]);
  return patch;
}

}  // namespace

Rule lower_bfloat16() {
  return {.name = "lower_bfloat16",
          .pattern = "y = Gelu|HardSwish|LayerNormalization|RMSNormalization(x, ...)",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
