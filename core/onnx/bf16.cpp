#include "core/onnx/bf16.h"

#include <fmt/format.h>
#include <onnx/defs/data_type_utils.h>
#include <onnx/defs/schema.h>
#include <onnx/version_converter/convert.h>

#include <algorithm>

#include "core/onnx/onnx_io.h"
#include "core/onnx/prepare.h"
#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace {

bool is_bf16(const ir::Graph& graph, ir::ValueId id) {
  return !id.none() && graph.value(id).type.dtype == DType::BFloat16;
}

bool touches_bf16(const ir::Graph& graph, const ir::Node& node) {
  const auto touched = [&](ir::ValueId id) { return is_bf16(graph, id); };
  return std::any_of(node.inputs.begin(), node.inputs.end(), touched) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), touched);
}

bool takes_bf16(const std::vector<onnx::OpSchema::FormalParameter>& parameters, std::size_t index) {
  if (parameters.empty()) return false;
  const bool variadic = parameters.back().GetOption() == onnx::OpSchema::Variadic;
  if (index >= parameters.size() && !variadic) return false;
  const auto& types = parameters[std::min(index, parameters.size() - 1)].GetTypes();
  return types.contains(onnx::Utils::DataTypeUtils::ToType("tensor(bfloat16)"));
}

bool has_bf16_at(const ir::Graph& graph, const ir::Node& node, std::int64_t opset) {
  const auto* schema = onnx::OpSchemaRegistry::Schema(node.op, static_cast<int>(opset), "");
  if (schema == nullptr) return false;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (is_bf16(graph, node.inputs[i]) && !takes_bf16(schema->inputs(), i)) return false;
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (is_bf16(graph, node.outputs[i]) && !takes_bf16(schema->outputs(), i)) return false;
  return true;
}

}  // namespace

std::int64_t opset_for_bf16(const ir::Graph& graph, std::int64_t opset) {
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    if (!touches_bf16(graph, node)) continue;
    while (!has_bf16_at(graph, node, opset))
      if (++opset > newest_opset())
        throw UnsupportedError(fmt::format("node '{}' ({}): ONNX has no BFLOAT16 form of the operator", node.name, node.op));
  }
  return opset;
}

Support standard_bf16(const ir::Graph& graph) {
  try {
    opset_for_bf16(graph, std::max<std::int64_t>(graph.opset, kMinimumOpset));
    return Support::yes();
  } catch (const UnsupportedError& e) {
    return Support::no(e.what());
  }
}

void raise_opset(onnx::ModelProto& model, Constants& constants, std::int64_t opset) {
  lend_constants(*model.mutable_graph(), constants);
  const std::string what = fmt::format("cannot convert from opset {} to {}, which BFLOAT16 needs", opset_of(model), opset);
  model = guarded<UnsupportedError>(
      what, [&] { return onnx::version_conversion::ConvertVersion(model, static_cast<int>(opset)); });
  reclaim_constants(*model.mutable_graph(), constants);
  ExternalData none;
  take_constants(*model.mutable_graph(), constants, none);
}

}  // namespace inc::onnx_io
