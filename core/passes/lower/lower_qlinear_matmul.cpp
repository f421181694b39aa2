#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/lower/quantized_group.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("c"));
  if (!dequantizes_operands(g, product)) return Support::no("");
  if (!product.input(2).none())
    return Support::no(fmt::format("QLinearMatMul has no place for the bias of '{}'", product.name));
  const QuantizedGroup group = quantized_group(g, product);
  if (!group.why_not.empty()) return Support::no(group.why_not);
  const QuantizedMatrix matrix = quantized_matrix(g, product);
  return matrix.why_not.empty() ? Support::yes() : Support::no(matrix.why_not);
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("c"));
  const QuantizedGroup group = quantized_group(g, product);
  const QuantizedMatrix matrix = quantized_matrix(g, product);
  ir::Patch patch(g, "QLinearMatMul");
  std::vector<ir::ValueId> inputs = {group.x.data,
                                     group.x.scale,
                                     zero_point_or_new(g, patch, group.x, product.name + "_x_zero"),
                                     matrix_data(g, patch, matrix),
                                     matrix.q.scale,
                                     zero_point_or_new(g, patch, matrix.q, product.name + "_w_zero"),
                                     group.y.scale,
                                     zero_point_or_new(g, patch, group.y, product.name + "_y_zero")};
  const ir::TensorType& type = g.value(group.y.data).type;
  patch.replace(group.y.data, patch.add_node({"QLinearMatMul", std::move(inputs), {}, product.name, {type}, {}})[0]);
  return patch;
}

}  // namespace

Rule lower_qlinear_matmul() {
  return {.name = "lower_qlinear_matmul", .pattern = "c = MatMul|Gemm(x, w, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
