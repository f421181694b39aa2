#include <algorithm>

#include "core/passes/rules.h"

namespace inc::passes {

/// Where a window hangs over the end (ceil_mode), onnxruntime's QLinearAveragePool divides by all of it when pads are to be
/// included, and so spoils the quantized model that is written.
Rule eliminate_pad_count() {
  return {.name = "eliminate_pad_count",
          .pattern = "y = AveragePool(x)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Attrs& attrs = g.node(m.node("y")).attrs;
            const auto pads = attrs.integers("pads");
            const std::string placed = attrs.text("auto_pad", "NOTSET");
            if (attrs.integer("count_include_pad") == 0) return Support::no("");
            if (std::any_of(pads.begin(), pads.end(), [](auto pad) { return pad != 0; })) return Support::no("");
            return placed == "NOTSET" || placed == "VALID" ? Support::yes() : Support::no("");
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& pool = g.node(m.node("y"));
                ir::NodeSpec spec{pool.op, pool.inputs, pool.attrs, pool.name, {g.value(m["y"]).type}, {}};
                spec.attrs.erase("count_include_pad");
                ir::Patch patch(g, "there are no pads to include");
                patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
                return patch;
              }};
}

}  // namespace inc::passes
