#include "core/passes/lower/quantized_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/ops.h"
#include "core/passes/facts.h"

namespace inc::passes {
namespace {

struct Interval {
  double low, high;
};

Interval levels_of(DType dtype) {
  return dtype == DType::UInt8 ? Interval{0, 255} : Interval{-128, 127};
}

bool is_byte(DType dtype) {
  return dtype == DType::UInt8 || dtype == DType::Int8;
}

/// Whether the saturation of y does what the activation does: its bounds are quantized to the lowest and highest level.
bool implied(const ir::Graph& g, const ir::Node& activation, const Quantized& y) {
  const double scale = static_cast<double>(*scalar(g, y.scale)), zero = static_cast<double>(zero_points(g, y).at(0));
  const Interval levels = levels_of(g.value(y.data).type.dtype);
  std::optional<float> low = 0.0f, high;
  if (activation.op == "Clip") {
    low = scalar(g, activation.input(1));
    high = scalar(g, activation.input(2));
    if ((!low && !activation.input(1).none()) || (!high && !activation.input(2).none())) return false;
  }
  const auto level = [&](float real) { return std::nearbyint(static_cast<double>(real) / scale) + zero; };
  return (!low || level(*low) <= levels.low) && (!high || level(*high) >= levels.high);
}

std::string only_user(const ir::Graph& g, ir::ValueId value, const ir::Node*& user) {
  const ir::Value& v = g.value(value);
  if (g.is_output(value)) return fmt::format("'{}' is a graph output", v.name);
  if (v.consumers.size() != 1)
    return fmt::format("'{}' has {} users, one QuantizeLinear expected", v.name, v.consumers.size());
  user = &g.node(v.consumers[0]);
  return "";
}

}  // namespace

bool dequantizes_operands(const ir::Graph& graph, const ir::Node& anchor) {
  return dequantized_from(graph, anchor.input(0)) && dequantized_from(graph, anchor.input(1));
}

QuantizedGroup quantized_group(const ir::Graph& graph, const ir::Node& anchor) {
  QuantizedGroup group;
  group.x = *dequantized_from(graph, anchor.input(0));
  group.w = *dequantized_from(graph, anchor.input(1));
  if (!per_tensor(graph, group.x)) {
    group.why_not = fmt::format("{} has no constant scale per tensor", name_of(graph, anchor.inputs[0]));
    return group;
  }
  const ir::Node *user = nullptr, *activation = nullptr;
  group.why_not = only_user(graph, anchor.outputs[0], user);
  if (group.why_not.empty() && (user->op == "Relu" || user->op == "Clip")) {
    activation = user;
    group.why_not = only_user(graph, activation->outputs[0], user);
  }
  if (!group.why_not.empty()) return group;
  const ir::Node& last = activation ? *activation : anchor;
  const auto y = quantized_by(graph, user->outputs[0]);
  if (!y || user->inputs[0] != last.outputs[0])
    group.why_not =
        fmt::format("'{}' is used by '{}' ({}), not quantized", graph.value(last.outputs[0]).name, user->name, user->op);
  else if (!per_tensor(graph, *y))
    group.why_not = fmt::format("'{}' has no constant scale per tensor", user->name);
  else if (!is_byte(graph.value(y->data).type.dtype) ||
           graph.value(y->data).type.dtype != graph.value(group.x.data).type.dtype)
    group.why_not = fmt::format("input and output are {} and {}, the same 8-bit type expected",
                                name_of(graph.value(group.x.data).type.dtype), name_of(graph.value(y->data).type.dtype));
  else if (activation && !implied(graph, *activation, *y))
    group.why_not = fmt::format("'{}' ({}) is not what the levels of {} imply", activation->name, activation->op,
                                name_of(graph, y->data));
  if (group.why_not.empty()) group.y = *y;
  return group;
}

ir::ValueId zero_point_or_new(const ir::Graph& graph, ir::Patch& patch, const Quantized& q, const std::string& name) {
  if (!q.zero_point.none()) return q.zero_point;
  return patch.add_constant(name, zero_of(graph.value(q.data).type.dtype));
}

QuantizedMatrix quantized_matrix(const ir::Graph& graph, const ir::Node& anchor) {
  QuantizedMatrix matrix{"", *dequantized_from(graph, anchor.input(1)), anchor.attrs.integer("transB", 0) != 0};
  const int rank = graph.value(matrix.q.data).type.rank();
  const bool plain = anchor.attrs.integer("transA", 0) == 0 && anchor.attrs.real("alpha", 1) == 1.0f;
  if (!plain)
    matrix.why_not = fmt::format("'{}' transposes or scales its input", anchor.name);
  else if (rank < 2)
    matrix.why_not = fmt::format("{} is not a matrix", name_of(graph, anchor.inputs[1]));
  else if (!per_channel(graph, matrix.q, matrix.transposed ? 0 : rank - 1))
    matrix.why_not = fmt::format("the scales of {} are not constants per column", name_of(graph, anchor.inputs[1]));
  else if (matrix.transposed && !graph.constant(matrix.q.data))
    matrix.why_not = fmt::format("{} is transposed and not constant", name_of(graph, anchor.inputs[1]));
  return matrix;
}

ir::ValueId matrix_data(const ir::Graph& graph, ir::Patch& patch, const QuantizedMatrix& matrix) {
  if (!matrix.transposed) return matrix.q.data;
  const ir::Tensor source = graph.constant(matrix.q.data)->at_hand();
  const std::int64_t rows = source.shape()[0], columns = source.shape()[1];
  ir::Tensor result(source.dtype(), {columns, rows});
  const std::byte* from = source.raw();
  std::byte* to = result.mutable_raw();
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  return patch.add_constant(graph.value(matrix.q.data).name + "_transposed", std::move(result));
}

std::optional<Quantized> dynamically_quantized(const ir::Graph& graph, ir::ValueId real) {
  const auto q = dequantized_from(graph, real);
  const ir::Node* node = q ? graph.producer(q->data) : nullptr;
  if (!node || node->op != "DynamicQuantizeLinear" || node->outputs.size() != 3) return std::nullopt;
  if (node->outputs != std::vector<ir::ValueId>{q->data, q->scale, q->zero_point}) return std::nullopt;
  return q;
}

std::string taken_at_run_time(const ir::Graph& graph, const ir::Node& anchor) {
  return fmt::format("the levels of {} are not taken at run time", name_of(graph, anchor.inputs[0]));
}

ir::ValueId add_scaled(const ir::Graph& graph, ir::Patch& patch, const ir::Node& anchor, ir::NodeSpec product,
                       ir::ValueId x_scale, const ir::Tensor& w_scale) {
  const auto& dims = graph.value(anchor.outputs[0]).type.dims;
  const ir::TensorType real{DType::Float, dims};
  product.name = anchor.name + "/product";
  product.output_types = {ir::TensorType{DType::Int32, dims}};
  const ir::ValueId sums = patch.add_node(std::move(product))[0];
  const ir::ValueId cast = patch.add_node({"Cast", {sums}, {{"to", std::int64_t{1}}}, anchor.name + "/cast", {real}, {}})[0];
  const ir::ValueId factor = patch.add_constant(anchor.name + "_w_scale", w_scale);
  const ir::ValueId scale = patch.add_node({"Mul", {x_scale, factor}, {}, anchor.name + "/scale", {w_scale.type()}, {}})[0];
  return patch.add_node({"Mul", {cast, scale}, {}, anchor.name, {real}, {}})[0];
}

}  // namespace inc::passes
