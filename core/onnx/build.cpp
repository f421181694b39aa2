#include "core/onnx/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text.h"
#include "core/onnx/prepare.h"
#include "core/onnx/proto.h"
#include "core/ops/ops.h"

namespace inc::onnx_io {
namespace {

class Builder {
 public:
  Builder(onnx::ModelProto& model, const Constants& constants, ExternalData& external)
      : proto_(*model.mutable_graph()), constants_(constants), external_(external) {
    graph_.name = proto_.name();
    graph_.opset = opset_of(model);
    for (const auto& info : proto_.value_info()) types_[info.name()] = &info.type();
    for (const auto& info : proto_.output()) types_[info.name()] = &info.type();
  }

  ir::Graph build() {
    for (const auto& input : proto_.input())
      define(input.name(),
             graph_.add_input(input.name(), type_of(input.type(), fmt::format("graph input '{}'", input.name()))));
    add_constants();
    for (auto& node : *proto_.mutable_node()) add_node(node);
    for (const auto& output : proto_.output()) graph_.add_output(resolve(output.name(), "graph output"));
    graph_.verify();
    return std::move(graph_);
  }

 private:
  void define(const std::string& name, ir::ValueId id) {
    if (!values_.emplace(name, id).second) throw ModelError(fmt::format("two values are named '{}'", name));
  }

  ir::ValueId resolve(const std::string& name, const std::string& where) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw ModelError(fmt::format("{}: nothing before it produces the value '{}'", where, name));
    return found->second;
  }

  void add_constants() {
    std::set<std::string_view> used;
    for (const auto& node : proto_.node()) used.insert(node.input().begin(), node.input().end());
    for (const auto& output : proto_.output()) used.insert(output.name());
    for (const std::string& name : constants_.order)
      if (used.contains(name)) define(name, graph_.add_constant(name, constants_.tensors.at(name)));
  }

  ir::TensorType output_type(const std::string& name, const ir::NodeSpec& spec, const std::string& where) const {
    const auto found = types_.find(name);
    if (!name.empty() && found != types_.end() && found->second->value_case() != onnx::TypeProto::VALUE_NOT_SET &&
        !(found->second->has_tensor_type() && found->second->tensor_type().elem_type() == onnx::TensorProto::UNDEFINED))
      return type_of(*found->second, where);
    const bool follows = !spec.inputs.empty() && !spec.inputs.front().none();
    return {follows ? graph_.value(spec.inputs.front()).type.dtype : DType::Float, std::nullopt};
  }

  void add_node(onnx::NodeProto& node) {
    const std::string where = describe(node);
    ir::NodeSpec spec{full_op(node), {}, {}, node.name(), {}, {}};
    for (const auto& name : node.input()) spec.inputs.push_back(name.empty() ? ir::ValueId{} : resolve(name, where));
    while (!spec.inputs.empty() && spec.inputs.back().none()) spec.inputs.pop_back();
    for (auto& attribute : *node.mutable_attribute())
      spec.attrs.set(attribute.name(), attribute_of(attribute, external_, where));
    int outputs = node.output_size();
    while (outputs > 0 && node.output(outputs - 1).empty()) --outputs;
    if (outputs == 0) throw ModelError(fmt::format("{}: no outputs found, at least one expected", where));
    for (int i = 0; i < outputs; ++i) {
      spec.output_types.push_back(output_type(node.output(i), spec, where));
      spec.output_names.push_back(node.output(i));
    }
    const auto ids = graph_.add_node(std::move(spec));
    for (int i = 0; i < outputs; ++i)
      if (!node.output(i).empty()) define(node.output(i), ids[static_cast<std::size_t>(i)]);
  }

  onnx::GraphProto& proto_;
  const Constants& constants_;
  ExternalData& external_;
  ir::Graph graph_;
  std::unordered_map<std::string, const onnx::TypeProto*> types_;
  std::unordered_map<std::string, ir::ValueId> values_;
};

Support supported(const ir::Node& node, std::int64_t opset) {
  const ops::OpInfo* info = ops::find(node.op);
  if (info == nullptr) return Support::no("the operator is not supported");
  const auto present = node.inputs.size();
  if (present < static_cast<std::size_t>(std::max(info->min_inputs, 0)))
    return Support::no(fmt::format("{} inputs found, at least {} expected", present, info->min_inputs));
  return info->supports == nullptr ? Support::yes() : info->supports(node, opset);
}

void refuse_unsupported(const ir::Graph& graph) {
  std::string first;
  std::set<std::string> other_types;
  int others = 0;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    const Support answer = supported(node, graph.opset);
    if (answer) continue;
    if (first.empty()) {
      first = fmt::format("node '{}' ({}, opset {}): {}", node.name, node.op, graph.opset, answer.why_not());
    } else {
      ++others;
      other_types.insert(node.op);
    }
  }
  if (first.empty()) return;
  if (others > 0) {
    const std::vector<std::string> listed(other_types.begin(), other_types.end());
    first += fmt::format("; and {} more ({})", others, joined(listed));
  }
  throw UnsupportedError(first);
}

}  // namespace

ir::Graph build_graph(onnx::ModelProto& model, const Constants& constants, ExternalData& external) {
  ir::Graph graph = Builder(model, constants, external).build();
  refuse_unsupported(graph);
  return graph;
}

}  // namespace inc::onnx_io
