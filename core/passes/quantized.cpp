#include "core/passes/quantized.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ops/ops.h"
#include "core/passes/facts.h"

namespace inc::passes {
namespace {

std::int64_t positive(std::int64_t axis, int rank) {
  return axis < 0 && rank > 0 ? axis + rank : axis;
}

std::optional<Quantized> read(const ir::Graph& graph, const ir::Node* node, const char* op, ir::ValueId data) {
  if (!node || node->op != op || node->attrs.integer("block_size", 0) != 0) return std::nullopt;
  const std::int64_t axis = positive(node->attrs.integer("axis", 1), graph.value(node->inputs[0]).type.rank());
  return Quantized{data, node->inputs[1], node->input(2), axis};
}

bool constant_or_none(const ir::Graph& graph, ir::ValueId id) {
  return id.none() || graph.constant(id) != nullptr;
}

std::int64_t length(const ir::Graph& graph, ir::ValueId id, std::int64_t axis) {
  const auto& dims = graph.value(id).type.dims;
  return dims && axis >= 0 && axis < static_cast<std::int64_t>(dims->size()) ? (*dims)[static_cast<std::size_t>(axis)].value
                                                                             : -1;
}

}  // namespace

std::optional<Quantized> dequantized_from(const ir::Graph& graph, ir::ValueId real) {
  if (real.none()) return std::nullopt;
  const ir::Node* node = graph.producer(real);
  return read(graph, node, "DequantizeLinear", node ? node->input(0) : ir::ValueId{});
}

std::optional<Quantized> quantized_by(const ir::Graph& graph, ir::ValueId data) {
  return read(graph, graph.producer(data), "QuantizeLinear", data);
}

bool per_tensor(const ir::Graph& graph, const Quantized& q) {
  const ir::Tensor* scale = graph.constant(q.scale);
  if (!scale || scale->count() != 1 || scale->dtype() != DType::Float) return false;
  const ir::Tensor* zero = graph.constant(q.zero_point);
  return q.zero_point.none() || (zero && zero->count() == 1);
}

bool same_levels(const ir::Graph& graph, const Quantized& a, const Quantized& b) {
  if (!per_tensor(graph, a) || !per_tensor(graph, b)) return false;
  return graph.value(a.data).type.dtype == graph.value(b.data).type.dtype &&
         scalar(graph, a.scale) == scalar(graph, b.scale) && zero_points(graph, a) == zero_points(graph, b);
}

bool per_channel(const ir::Graph& graph, const Quantized& q, std::int64_t axis) {
  const ir::Tensor* scale = graph.constant(q.scale);
  if (!scale || scale->dtype() != DType::Float || !constant_or_none(graph, q.zero_point)) return false;
  if (scale->count() == 1) return true;
  return scale->rank() == 1 && q.axis == axis && scale->count() == length(graph, q.data, axis);
}

std::vector<std::int64_t> zero_points(const ir::Graph& graph, const Quantized& q) {
  const ir::Tensor* zero = graph.constant(q.zero_point);
  return zero ? zero->to_int64s() : std::vector<std::int64_t>{0};
}

ir::Tensor zero_of(DType dtype) {
  return visit_dtype(dtype, [](auto tag) -> ir::Tensor {
    using T = decltype(tag);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      return ir::Tensor::scalar(T{});
    else
      throw InternalError("zero points are integers");
  });
}

ir::ValueId add_dequantize(const ir::Graph& graph, ir::Patch& patch, const Quantized& q, const std::string& name) {
  ir::Attrs attrs;
  const auto shape = graph.value(q.scale).type.concrete();
  if (!shape || ir::element_count(*shape) != 1) attrs.set("axis", q.axis);
  std::vector<ir::ValueId> inputs = {q.data, q.scale};
  if (!q.zero_point.none()) inputs.push_back(q.zero_point);
  const ir::TensorType type{DType::Float, graph.value(q.data).type.dims};
  return patch.add_node({"DequantizeLinear", std::move(inputs), std::move(attrs), name, {type}, {}})[0];
}

Support moves_only(const ir::Graph& graph, const ir::Node& node) {
  if (node.outputs.size() != 1) return Support::no(fmt::format("'{}' has more than one output", node.name));
  if (node.op == "Resize" && node.attrs.text("mode", "nearest") != "nearest")
    return Support::no(fmt::format("'{}' interpolates", node.name));
  if (node.op != "Pad" || node.attrs.text("mode", "constant") != "constant" || node.input(2).none()) return Support::yes();
  if (scalar(graph, node.input(2)) != 0.0f)
    return Support::no(fmt::format("'{}' pads with another value than 0", node.name));
  return Support::yes();
}

std::vector<std::size_t> moved_inputs(const ir::Node& node) {
  std::vector<std::size_t> all = {0};
  if (node.op == "Concat")
    for (std::size_t i = 1; i < node.inputs.size(); ++i) all.push_back(i);
  return all;
}

ir::Tensor fixed_value(const ir::Graph& graph, ir::ValueId id) {
  if (id.none() || !is_fixed(graph, id)) return {};
  if (const ir::Tensor* constant = graph.constant(id)) return *constant;
  const ir::Node& node = *graph.producer(id);
  std::vector<ir::Tensor> inputs;
  for (const ir::ValueId v : node.inputs) inputs.push_back(v.none() ? ir::Tensor{} : *graph.constant(v));
  return ops::evaluate(node, inputs, graph.opset)[0];
}

}  // namespace inc::passes
