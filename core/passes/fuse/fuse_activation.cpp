#include <fmt/format.h>

#include <limits>

#include "core/ops/ops.h"
#include "core/passes/anchor.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

struct Simple {
  std::string_view op, activation;
};
constexpr Simple kSimple[] = {{"Relu", "relu"}, {"Sigmoid", "sigmoid"}, {"Tanh", "tanh"}, {"HardSwish", "hardswish"}};

/// No activation: the bounds of a Clip are not constant, or the lower one is above the upper one, which makes a constant of it.
std::optional<ops::Epilogue> activation_of(const ir::Graph& g, const ir::Node& node) {
  for (const Simple& row : kSimple)
    if (row.op == node.op) return ops::Epilogue{std::string(row.activation), 0, 0, {}};
  const ir::Attrs& attrs = node.attrs;
  if (node.op == "LeakyRelu") return ops::Epilogue{"leaky_relu", attrs.real("alpha", 0.01f), 0, {}};
  if (node.op == "HardSigmoid") return ops::Epilogue{"hardsigmoid", attrs.real("alpha", 0.2f), attrs.real("beta", 0.5f), {}};
  if (node.op == "Gelu") return ops::Epilogue{attrs.text("approximate", "none") == "tanh" ? "gelu_tanh" : "gelu", 0, 0, {}};
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto low = node.input(1).none() ? -kMost : scalar(g, node.input(1));
  const auto high = node.input(2).none() ? kMost : scalar(g, node.input(2));
  if (!low || !high || !(*low <= *high)) return std::nullopt;
  return ops::Epilogue{"clip", *low, *high, {}};
}

Support where(const ir::Graph& g, const Match& m) {
  if (g.value(m["y"]).type.dtype != DType::Float) return Support::no("only float32 is fused");
  if (!activation_of(g, g.node(m.node("y")))) return Support::no("the bounds of the Clip are not two constants in order");
  return open_end(g, g.node(m.node("t")), false);
}

}  // namespace

Rule fuse_activation() {
  return {.name = "fuse_activation",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            y = Relu|Clip|Sigmoid|Tanh|HardSwish|HardSigmoid|LeakyRelu|Gelu(t, ...)
          )",
          .where = where,
          .rewrite = [](const ir::Graph& g, const Match& m) {
            const ir::Node &anchor = g.node(m.node("t")), &node = g.node(m.node("y"));
            const ops::Epilogue e = *activation_of(g, node);
            ir::NodeSpec spec = grouped(g, anchor, m["y"]);
            spec.attrs.set("activation", e.activation);
            if (e.alpha != 0) spec.attrs.set("activation_alpha", e.alpha);
            if (e.beta != 0) spec.attrs.set("activation_beta", e.beta);
            ir::Patch patch(g, fmt::format("{} into '{}'", node.op, anchor.name));
            trim(spec.inputs);
            patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
            return patch;
          }};
}

}  // namespace inc::passes
