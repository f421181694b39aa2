#include "core/ir/print.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace inc::ir {
namespace {

constexpr std::int64_t kMaxShown = 8;

std::string literal(const Tensor& tensor) {
  if (tensor.count() > kMaxShown) return fmt::format("#{:016x}", tensor.content_hash());
  if (is_float(tensor.dtype())) return fmt::format("{{{}}}", fmt::join(tensor.to_floats(), ", "));
  return fmt::format("{{{}}}", fmt::join(tensor.to_int64s(), ", "));
}

std::string literal(const Attr& attr) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>)
          return value.type().to_string() + " " + literal(value);
        else if constexpr (std::is_same_v<T, std::string>)
          return fmt::format("\"{}\"", value);
        else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, float>)
          return fmt::format("{}", value);
        else
          return fmt::format("[{}]", fmt::join(value, ", "));
      },
      attr);
}

std::string declared(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return value.type.to_string() + " " + value.name;
}

}  // namespace

std::string print(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::vector<std::string> inputs, outputs, attrs;
  for (const ValueId v : node.inputs) inputs.push_back(v.none() ? "" : graph.value(v).name);
  for (const ValueId v : node.outputs) outputs.push_back(graph.value(v).name);
  for (const auto& [key, attr] : node.attrs.items()) attrs.push_back(fmt::format("{} = {}", key, literal(attr)));
  const std::string shown = attrs.empty() ? "" : fmt::format("<{}>", fmt::join(attrs, ", "));
  return fmt::format("{} = {}{}({})", fmt::join(outputs, ", "), node.op, shown, fmt::join(inputs, ", "));
}

std::string print(const Graph& graph) {
  std::vector<std::string> inputs, outputs, constants;
  for (const ValueId v : graph.inputs()) inputs.push_back(declared(graph, v));
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const std::string& promised = graph.output_names()[i];
    const std::string shown = declared(graph, graph.outputs()[i]);
    outputs.push_back(graph.value(graph.outputs()[i]).name == promised ? shown : fmt::format("{} as {}", shown, promised));
  }
  for (const ValueId v : graph.values())
    if (const Tensor* tensor = graph.constant(v)) constants.push_back(declared(graph, v) + " = " + literal(*tensor));
  std::string text = fmt::format("{} ({}) => ({})", graph.name.empty() ? "g" : graph.name, fmt::join(inputs, ", "), fmt::join(outputs, ", "));
  if (!constants.empty()) text += fmt::format(" <{}>", fmt::join(constants, ", "));
  text += " {\n";
  for (const NodeId id : graph.topological_order()) text += "  " + print(graph, id) + "\n";
  return text + "}\n";
}

}  // namespace inc::ir
