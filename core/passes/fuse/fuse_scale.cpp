#include <fmt/format.h>

#include <cmath>

#include "core/passes/anchor.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

std::optional<std::vector<float>> factors(const ir::Graph& g, const Match& m) {
  auto values = per_channel(g, g.node(m.node("t")), m["c"]);
  if (values && g.node(m.node("y")).op == "Div")
    for (float& v : *values) v = 1.0f / v;
  return values;
}

}  // namespace

Rule fuse_scale() {
  return {.name = "fuse_scale",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            y = Mul(t, c)
            y = Div(t, c)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Node& anchor = g.node(m.node("t"));
            if (!g.constant(m["c"])) return Support::no("");
            if (!is_fixed(g, m["w"])) return Support::no("");
            if (Support s = foldable(g, anchor); !s) return s;
            const auto values = factors(g, m);
            if (!values)
              return Support::no(fmt::format("the factor {} is not one value per output channel", name_of(g, m["c"])));
            for (const float v : *values)
              if (!(std::abs(v) <= 1e6f)) return Support::no(fmt::format("the factor {} would blow up the weights", v));
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& anchor = g.node(m.node("t"));
                const std::vector<float> values = *factors(g, m);
                const ir::Tensor weight = scaled_weight(g, anchor, values);
                std::vector<float> bias = bias_of(g, anchor);
                for (std::size_t c = 0; c < bias.size(); ++c) bias[c] *= values[c];
                return with_parameters(g, anchor, m["y"], &weight, bias, fmt::format("factor into '{}'", anchor.name));
              }};
}

}  // namespace inc::passes
