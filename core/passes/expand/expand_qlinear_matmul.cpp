#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

Support where(const ir::Graph& g, const Match& m) {
  const auto rows = g.value(m["as"]).type.concrete(), columns = g.value(m["bs"]).type.concrete();
  if (!rows || ir::element_count(*rows) != 1)
    return Support::no(fmt::format("{} is not one scale for all rows", name_of(g, m["as"])));
  if (!columns || (ir::element_count(*columns) != 1 && columns->size() != 1))
    return Support::no(fmt::format("{} is not one scale or one per column", name_of(g, m["bs"])));
  if (g.value(m["b"]).type.rank() < 2) return Support::no(fmt::format("{} is not a matrix", name_of(g, m["b"])));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  ir::Patch patch(g, "a product between DequantizeLinear and QuantizeLinear");
  const std::int64_t last = g.value(m["b"]).type.rank() - 1;
  const ir::ValueId a = add_dequantize(g, patch, {m["a"], m["as"], m["az"], 1}, node.name + "/a");
  const ir::ValueId b = add_dequantize(g, patch, {m["b"], m["bs"], m["bz"], last}, node.name + "/b");
  const ir::TensorType& type = g.value(m["y"]).type;
  const ir::TensorType real{DType::Float, type.dims};
  const ir::ValueId y = patch.add_node({"MatMul", {a, b}, {}, node.name, {real}, {}})[0];
  patch.replace(m["y"], patch.add_node({"QuantizeLinear", {y, m["ys"], m["yz"]}, {}, node.name + "/y", {type}, {}})[0]);
  return patch;
}

}  // namespace

Rule expand_qlinear_matmul() {
  return {.name = "expand_qlinear_matmul",
          .pattern = "y = QLinearMatMul(a, as, az, b, bs, bz, ys, yz)",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
