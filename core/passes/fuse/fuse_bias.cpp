#include <fmt/format.h>

#include "core/passes/anchor.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// A DequantizeLinear can only become the bias as it is.
bool quantized_bias(const ir::Graph& g, const ir::Node& anchor, ir::ValueId b) {
  const auto shape = g.value(b).type.concrete();
  return !g.constant(b) && anchor.input(2).none() && shape && *shape == ir::Shape{channels_of(g, anchor)} &&
         !anchor.op.ends_with("Conv");
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& anchor = g.node(m.node("t"));
  if (!is_fixed(g, m["b"])) return Support::no("");
  if (Support s = open_end(g, anchor, false); !s) return s;
  if (quantized_bias(g, anchor, m["b"])) return Support::yes();
  if (!per_channel(g, anchor, m["b"]))
    return Support::no(fmt::format("the addend {} of type {} is not one value per output channel ({})", name_of(g, m["b"]),
                                   g.value(m["b"]).type.to_string(), channels_of(g, anchor)));
  const ir::Tensor* old = g.constant(anchor.input(2));
  if (!anchor.input(2).none() && (!old || old->dtype() != DType::Float))
    return Support::no(fmt::format("the bias of '{}' is not a float32 constant", anchor.name));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& anchor = g.node(m.node("t"));
  const std::string why = fmt::format("bias into '{}'", anchor.name);
  if (quantized_bias(g, anchor, m["b"])) {
    ir::Patch patch(g, why);
    ir::NodeSpec spec = grouped(g, anchor, m["y"]);
    spec.inputs[2] = m["b"];
    spec.attrs.erase("beta");
    trim(spec.inputs);
    patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
    return patch;
  }
  std::vector<float> bias = bias_of(g, anchor);
  const std::vector<float> addend = *per_channel(g, anchor, m["b"]);
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] += addend[c];
  return with_parameters(g, anchor, m["y"], nullptr, bias, why);
}

}  // namespace

Rule fuse_bias() {
  return {.name = "fuse_bias",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            y = Add(t, b)
          )",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
