#include <fmt/format.h>

#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/lower/quantized_group.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("y"));
  if (!dequantizes_operands(g, product)) return Support::no("");
  if (!dynamically_quantized(g, product.inputs[0])) return Support::no(taken_at_run_time(g, product));
  const QuantizedMatrix matrix = quantized_matrix(g, product);
  if (!matrix.why_not.empty()) return Support::no(matrix.why_not);
  if (product.attrs.real("beta", 1) != 1.0f && !product.input(2).none())
    return Support::no(fmt::format("'{}' scales its bias", product.name));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& product = g.node(m.node("y"));
  const Quantized x = *dynamically_quantized(g, product.inputs[0]);
  const QuantizedMatrix matrix = quantized_matrix(g, product);
  ir::Patch patch(g, "MatMulInteger");
  std::vector<ir::ValueId> inputs = {x.data, matrix_data(g, patch, matrix), x.zero_point};
  const auto zeros = zero_points(g, matrix.q);
  if (std::any_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z != 0; })) inputs.push_back(matrix.q.zero_point);
  ir::ValueId y = add_scaled(g, patch, product, {"MatMulInteger", std::move(inputs), {}, "", {}, {}}, x.scale,
                             *g.constant(matrix.q.scale));
  if (!product.input(2).none())
    y = patch.add_node({"Add", {y, product.inputs[2]}, {}, product.name + "/bias", {g.value(m["y"]).type}, {}})[0];
  patch.replace(m["y"], y);
  return patch;
}

}  // namespace

Rule lower_matmul_integer() {
  return {.name = "lower_matmul_integer", .pattern = "y = MatMul|Gemm(x, w, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
