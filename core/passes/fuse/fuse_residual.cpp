#include <fmt/format.h>

#include <algorithm>

#include "core/ops/ops.h"
#include "core/passes/anchor.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// Of two anchors that could absorb the sum, the one that runs later does: its residual is ready by then.
bool runs_later(const ir::Graph& g, const ir::Node& other, const ir::Node& anchor) {
  const auto order = g.topological_order();
  return std::find(order.begin(), order.end(), anchor.id) < std::find(order.begin(), order.end(), other.id);
}

bool could_absorb(const ir::Graph& g, ir::ValueId r) {
  const ir::Node* other = g.producer(r);
  if (!other || g.is_output(r) || g.value(r).consumers.size() != 1) return false;
  const std::string type = ops::reported_type(*other);
  return (type == "Conv" || type == "MatMul" || type == "Gemm") && open_end(g, *other, true);
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& anchor = g.node(m.node("t"));
  if (is_fixed(g, m["r"])) return Support::no("");
  if (Support s = open_end(g, anchor, true); !s) return s;
  const ir::TensorType &own = g.value(m["t"]).type, &residual = g.value(m["r"]).type;
  if (!same_shape(own, residual))
    return Support::no(fmt::format("{} of type {} and {} of type {} are not known to have one shape", name_of(g, m["t"]),
                                   own.to_string(), name_of(g, m["r"]), residual.to_string()));
  if (could_absorb(g, m["r"]) && runs_later(g, *g.producer(m["r"]), anchor))
    return Support::no(fmt::format("'{}' runs later and takes the sum", g.producer(m["r"])->name));
  return Support::yes();
}

}  // namespace

Rule fuse_residual() {
  return {.name = "fuse_residual",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            y = Add(t, r)
          )",
          .where = where,
          .rewrite = [](const ir::Graph& g, const Match& m) {
            const ir::Node& anchor = g.node(m.node("t"));
            ir::Patch patch(g, fmt::format("sum with {} into '{}'", name_of(g, m["r"]), anchor.name));
            ir::NodeSpec spec = grouped(g, anchor, m["y"]);
            spec.inputs[3] = m["r"];
            trim(spec.inputs);
            patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
            return patch;
          }};
}

}  // namespace inc::passes
