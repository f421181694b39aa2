#include "core/passes/facts.h"

#include <algorithm>

#include "core/ops/ops.h"

namespace inc::passes {
namespace {

constexpr std::size_t kMaxElements = 64;
constexpr int kMaxDepth = 32;
using Elements = std::optional<std::vector<Element>>;

Elements of_constant(const ir::Tensor& tensor) {
  if (!is_integer(tensor.dtype()) || tensor.count() > static_cast<std::int64_t>(kMaxElements)) return std::nullopt;
  std::vector<Element> result;
  for (const std::int64_t v : tensor.to_int64s()) result.push_back({v, ""});
  return result;
}

Elements of_shape(const ir::Graph& graph, const ir::Node& node) {
  const ir::TensorType& type = graph.value(node.inputs[0]).type;
  if (!type.dims) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(type.dims->size());
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  std::vector<Element> result;
  for (auto i = bound(node.attrs.integer("start", 0)); i < bound(node.attrs.integer("end", rank)); ++i) {
    const ir::Dim& dim = (*type.dims)[static_cast<std::size_t>(i)];
    result.push_back({dim.known() ? std::optional(dim.value) : std::nullopt, dim.symbol});
  }
  return result;
}

Elements of_gather(const ir::Graph& graph, const ir::Node& node, const Elements& from) {
  const auto indices = integers(graph, node.input(1));
  const int rank = graph.value(node.inputs[0]).type.rank();
  if (!from || !indices || rank != 1 || node.attrs.integer("axis", 0) > 0) return std::nullopt;
  const auto size = static_cast<std::int64_t>(from->size());
  std::vector<Element> result;
  for (std::int64_t i : *indices) {
    if (i < 0) i += size;
    if (i < 0 || i >= size) return std::nullopt;
    result.push_back((*from)[static_cast<std::size_t>(i)]);
  }
  return result;
}

Elements of_slice(const ir::Graph& graph, const ir::Node& node, const Elements& from) {
  const auto starts = integers(graph, node.input(1)), ends = integers(graph, node.input(2));
  if (!from || !starts || !ends || graph.value(node.inputs[0]).type.rank() != 1 || starts->size() != 1) return std::nullopt;
  const auto steps = node.input(4).none() ? std::vector<std::int64_t>{1}
                                          : integers(graph, node.input(4)).value_or(std::vector<std::int64_t>{});
  if (steps.size() != 1 || steps[0] != 1) return std::nullopt;
  const auto size = static_cast<std::int64_t>(from->size());
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t first = bound((*starts)[0]), last = std::max(first, bound((*ends)[0]));
  return std::vector<Element>(from->begin() + first, from->begin() + last);
}

Elements elements_at(const ir::Graph& graph, ir::ValueId id, int depth);

Elements of_concat(const ir::Graph& graph, const ir::Node& node, int depth) {
  std::vector<Element> result;
  for (const ir::ValueId input : node.inputs) {
    const Elements part = elements_at(graph, input, depth + 1);
    if (!part || graph.value(input).type.rank() != 1) return std::nullopt;
    result.insert(result.end(), part->begin(), part->end());
  }
  return result.size() <= kMaxElements ? Elements(std::move(result)) : std::nullopt;
}

Elements elements_at(const ir::Graph& graph, ir::ValueId id, int depth) {
  if (id.none() || depth > kMaxDepth || !is_integer(graph.value(id).type.dtype)) return std::nullopt;
  if (const ir::Tensor* tensor = graph.constant(id)) return of_constant(*tensor);
  const ir::Node* node = graph.producer(id);
  if (!node) return std::nullopt;
  if (node->op == "Shape") return of_shape(graph, *node);
  if (node->op == "Concat") return of_concat(graph, *node, depth);
  const auto source = [&] { return elements_at(graph, node->inputs[0], depth + 1); };
  if (node->op == "Gather") return of_gather(graph, *node, source());
  if (node->op == "Slice") return of_slice(graph, *node, source());
  for (const char* op : {"Unsqueeze", "Squeeze", "Reshape", "Cast", "Identity"})
    if (node->op == op) return source();
  return std::nullopt;
}

}  // namespace

bool is_fixed(const ir::Graph& graph, ir::ValueId id) {
  if (id.none()) return false;
  if (graph.constant(id)) return true;
  const ir::Node* node = graph.producer(id);
  return node && node->op == "DequantizeLinear" &&
         std::all_of(node->inputs.begin(), node->inputs.end(), [&](ir::ValueId v) { return v.none() || graph.constant(v); });
}

std::optional<float> scalar(const ir::Graph& graph, ir::ValueId id) {
  const ir::Tensor* tensor = graph.constant(id);
  if (!tensor || tensor->count() != 1) return std::nullopt;
  return tensor->to_floats()[0];
}

std::optional<std::vector<std::int64_t>> integers(const ir::Graph& graph, ir::ValueId id) {
  const ir::Tensor* tensor = graph.constant(id);
  if (!tensor || !is_integer(tensor->dtype())) return std::nullopt;
  return tensor->to_int64s();
}

bool same_shape(const ir::TensorType& a, const ir::TensorType& b) noexcept {
  if (!a.dims || !b.dims || a.dims->size() != b.dims->size()) return false;
  for (std::size_t i = 0; i < a.dims->size(); ++i) {
    const ir::Dim &x = (*a.dims)[i], &y = (*b.dims)[i];
    if (x.known() ? x.value != y.value : x.symbol.empty() || y.known() || x.symbol != y.symbol) return false;
  }
  return true;
}

bool replaceable(const ir::Graph& graph, ir::ValueId value, ir::ValueId by) {
  const ir::TensorType &old_type = graph.value(value).type, &new_type = graph.value(by).type;
  if (!ir::compatible(old_type, new_type)) return false;
  if (!graph.is_output(value)) return true;
  return old_type == new_type && graph.producer(by) && !graph.is_output(by);
}

Elements elements(const ir::Graph& graph, ir::ValueId id) {
  return elements_at(graph, id, 0);
}

std::optional<std::vector<std::int64_t>> reduced_axes(const ir::Graph& graph, const ir::Node& node) {
  std::vector<std::int64_t> axes = node.attrs.integers("axes");
  if (!node.input(1).none()) {
    const auto given = integers(graph, node.input(1));
    if (!given) return std::nullopt;
    axes = *given;
  }
  const int rank = graph.value(node.inputs[0]).type.rank();
  for (auto& axis : axes) {
    if (axis < 0 && rank < 0) return std::nullopt;
    if (axis < 0) axis += rank;
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

bool reduces_last_axis(const ir::Graph& graph, const ir::Node& node) {
  const int rank = graph.value(node.inputs[0]).type.rank();
  const auto axes = reduced_axes(graph, node);
  return rank > 0 && axes && *axes == std::vector<std::int64_t>{rank - 1} && node.attrs.integer("keepdims", 1) == 1;
}

std::string name_of(const ir::Graph& graph, ir::ValueId id) {
  return "'" + graph.value(id).name + "'";
}

}  // namespace inc::passes
