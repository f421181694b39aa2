#include <algorithm>
#include <cmath>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// 0, 1, …, n-1 along the last axis.
bool counts_up(const ir::Tensor& tensor) {
  const ir::Shape& shape = tensor.shape();
  if (shape.empty() || tensor.count() != shape.back() || !is_integer(tensor.dtype())) return false;
  const auto values = tensor.to_int64s();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Tensor *places = g.constant(m["i"]), *table = g.constant(m["w"]);
  if (g.opset < 13) return Support::no("the model's opset is below 13");
  if (places == nullptr || !counts_up(*places)) return Support::no("");
  if (places->dtype() != DType::Int32 && places->dtype() != DType::Int64)
    return Support::no("places are not int32 or int64");
  if (table == nullptr || table->dtype() != DType::Float || table->rank() != 2 || table->shape()[0] != places->count())
    return Support::no(name_of(g, m["w"]) + " is not a constant table with a row for each place");
  for (const float v : table->to_floats())
    if (!std::isfinite(v)) return Support::no(name_of(g, m["w"]) + " has numbers that are not finite");
  if (g.value(m["c"]).type.dtype != DType::Float) return Support::no(name_of(g, m["c"]) + " is not FP32");
  const auto& dims = g.value(m["x"]).type.dims;
  if (!dims || dims->empty() || dims->back().value != 1 || dims->size() < places->shape().size())
    return Support::no(name_of(g, m["x"]) + " is not one number for each place");
  return Support::yes();
}

/// A row of zeros before the first row and behind the last, for numbers that are no place.
ir::Tensor framed(const ir::Tensor& table) {
  const std::int64_t rows = table.shape()[0], columns = table.shape()[1];
  ir::Tensor result(DType::Float, {rows + 2, columns});
  float* to = result.mutable_data<float>();
  std::fill(to, to + result.count(), 0.0f);
  std::copy(table.data<float>(), table.data<float>() + table.count(), to + columns);
  return result;
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Tensor& table = *g.constant(m["w"]);
  const std::string& name = g.node(m.node("y")).name;
  ir::Patch patch(g, "rows of " + name_of(g, m["w"]) + " instead of a product with one-hot rows");
  const ir::TensorType& given = g.value(m["x"]).type;
  std::vector<ir::Dim> dims = given.dims.value();
  dims.pop_back();
  const auto last = static_cast<std::int64_t>(dims.size());
  ir::TensorType type;
  type.dtype = given.dtype;
  type.dims = dims;
  const auto number = [&](std::int64_t value) {
    return patch.add_constant(name + "_place", type.dtype == DType::Int64
                                                   ? ir::Tensor::scalar(value)
                                                   : ir::Tensor::scalar(static_cast<std::int32_t>(value)));
  };
  const auto node = [&](const char* op, std::vector<ir::ValueId> inputs, const char* suffix) {
    return patch.add_node({op, std::move(inputs), {}, name + suffix, {type}, {}})[0];
  };
  const ir::ValueId axes = patch.add_constant(name + "_axis", ir::Tensor::of<std::int64_t>({1}, {last}));
  ir::ValueId at = node("Squeeze", {m["x"], axes}, "_places");
  at = node("Max", {at, number(-1)}, "_from");
  at = node("Min", {at, number(table.shape()[0])}, "_to");
  at = node("Add", {at, number(1)}, "_rows");
  const ir::ValueId rows = patch.add_constant(g.value(m["w"]).name, framed(table));
  ir::NodeSpec gather{"Gather", {rows, at}, {{"axis", std::int64_t{0}}}, name, {g.value(m["y"]).type}, {}};
  patch.replace(m["y"], patch.add_node(std::move(gather))[0]);
  return patch;
}

}  // namespace

Rule fuse_one_hot() {
  return {.name = "fuse_one_hot",
          .pattern = R"(
            e = Equal(x, i)
            c = Cast(e)
            y = MatMul(c, w)
          )",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
