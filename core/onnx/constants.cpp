#include "core/onnx/constants.h"

#include <fmt/format.h>

#include <unordered_set>

#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kLargestLent = 1024;

bool lent(const ir::Tensor& tensor) {
  return tensor.count() <= kLargestLent;
}

ir::Tensor constant_of(onnx::NodeProto& node, ExternalData& external) {
  const std::string where = describe(node);
  if (node.attribute_size() != 1 || node.output_size() != 1 || node.input_size() != 0)
    throw ModelError(fmt::format("{}: {} attributes, {} outputs and {} inputs found, 1, 1 and 0 expected", where,
                                 node.attribute_size(), node.output_size(), node.input_size()));
  const ir::Attr attr = attribute_of(*node.mutable_attribute(0), external, where);
  const auto vector_of = [](const auto& values) {
    return ir::Tensor::of({static_cast<std::int64_t>(values.size())}, values);
  };
  return std::visit(
      [&](const auto& value) -> ir::Tensor {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, ir::Tensor>)
          return value;
        else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, float>)
          return ir::Tensor::scalar(value);
        else if constexpr (std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<float>>)
          return vector_of(value);
        else
          throw UnsupportedError(fmt::format("{}: string tensors are not supported", where));
      },
      attr);
}

bool is_constant(const onnx::NodeProto& node) {
  return node.op_type() == "Constant" && node.domain().empty();
}

template <class Keep>
void keep_inputs(onnx::GraphProto& graph, Keep&& keep) {
  google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> kept;
  for (auto& input : *graph.mutable_input())
    if (keep(input.name())) kept.Add(std::move(input));
  graph.mutable_input()->Swap(&kept);
}

}  // namespace

void Constants::add(const std::string& name, ir::Tensor tensor) {
  if (!tensors.emplace(name, std::move(tensor)).second) throw ModelError(fmt::format("two constants are named '{}'", name));
  order.push_back(name);
}

void take_constants(onnx::GraphProto& graph, Constants& constants, ExternalData& external) {
  for (auto& initializer : *graph.mutable_initializer()) {
    onnx::TensorProto proto = std::move(initializer);
    if (proto.name().empty()) throw ModelError("an initializer has no name");
    constants.add(proto.name(), tensor_of(proto, external, fmt::format("initializer '{}'", proto.name())));
  }
  graph.clear_initializer();
  keep_inputs(graph, [&](const std::string& name) { return !constants.tensors.contains(name); });

  std::unordered_set<std::string> inputs;
  for (const auto& input : graph.input()) inputs.insert(input.name());
  google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes;
  for (auto& node : *graph.mutable_node()) {
    if (!is_constant(node)) {
      nodes.Add(std::move(node));
      continue;
    }
    ir::Tensor tensor = constant_of(node, external);
    if (node.output(0).empty() || inputs.contains(node.output(0)))
      throw ModelError(fmt::format("{}: output name '{}' found, a new name expected", describe(node), node.output(0)));
    constants.add(node.output(0), std::move(tensor));
  }
  graph.mutable_node()->Swap(&nodes);
}

void lend_constants(onnx::GraphProto& graph, const Constants& constants) {
  for (const std::string& name : constants.order) {
    const ir::Tensor& tensor = constants.tensors.at(name);
    if (lent(tensor)) {
      auto* proto = graph.add_initializer();
      describe_tensor(*proto, name, tensor);
      store_inline(*proto, tensor);
    } else {
      auto* input = graph.add_input();
      input->set_name(name);
      set_type(*input->mutable_type(), tensor.type());
    }
  }
}

void reclaim_constants(onnx::GraphProto& graph, const Constants& constants) {
  keep_inputs(graph, [&](const std::string& name) { return !constants.tensors.contains(name); });
  google::protobuf::RepeatedPtrField<onnx::TensorProto> kept;
  for (auto& proto : *graph.mutable_initializer())
    if (!constants.tensors.contains(proto.name())) kept.Add(std::move(proto));
  graph.mutable_initializer()->Swap(&kept);
}

ir::Attr attribute_of(onnx::AttributeProto& proto, ExternalData& external, const std::string& where) {
  if (!proto.ref_attr_name().empty())
    throw ModelError(
        fmt::format("{}: attribute '{}' refers to a function parameter outside a function", where, proto.name()));
  switch (proto.type()) {
    case onnx::AttributeProto::INT:
      return proto.i();
    case onnx::AttributeProto::FLOAT:
      return proto.f();
    case onnx::AttributeProto::STRING:
      return proto.s();
    case onnx::AttributeProto::INTS:
      return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
    case onnx::AttributeProto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case onnx::AttributeProto::STRINGS:
      return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    case onnx::AttributeProto::TENSOR:
      return tensor_of(*proto.mutable_t(), external, fmt::format("{}: attribute '{}'", where, proto.name()));
    case onnx::AttributeProto::GRAPH:
    case onnx::AttributeProto::GRAPHS:
      throw UnsupportedError(fmt::format("{}: subgraphs are not supported", where));
    default:
      throw UnsupportedError(fmt::format("{}: attribute '{}' of kind {} is not supported", where, proto.name(),
                                         onnx::AttributeProto::AttributeType_Name(proto.type())));
  }
}

}  // namespace inc::onnx_io
