#include "core/onnx/prepare.h"

#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/defs/schema.h>
#include <onnx/defs/tensor_proto_util.h>
#include <onnx/inliner/inliner.h>
#include <onnx/shape_inference/implementation.h>
#include <onnx/version_converter/convert.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include "core/onnx/contrib.h"
#include "core/onnx/normalize.h"
#include "core/onnx/onnx_io.h"
#include "core/onnx/proto.h"
#include "core/onnx/subgraphs.h"
#include "core/onnx/widen.h"
#include "core/ops/ops.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kOldestOpset = 7;
constexpr std::int64_t kResizeSaysWhere = 11;
constexpr int k16BitOpset = 21;  ///< of QuantizeLinear and DequantizeLinear; com.microsoft's take 16 bits in every opset

const onnx::OpSchema* schema_of(const onnx::NodeProto& node, std::int64_t opset) {
  return onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(opset), node.domain());
}

void expect_versions(const onnx::ModelProto& model) {
  const std::int64_t opset = opset_of(model);
  if (model.ir_version() < 3)
    throw UnsupportedError(fmt::format("IR version {} found, at least 3 expected", model.ir_version()));
  if (opset < kOldestOpset || opset > newest_opset())
    throw UnsupportedError(fmt::format("opset {} found, {} to {} expected", opset, kOldestOpset, newest_opset()));
}

void refuse_forms(const onnx::ModelProto& model) {
  if (model.graph().sparse_initializer_size() > 0)
    throw UnsupportedError(fmt::format("initializer '{}': sparse tensors are not supported",
                                       model.graph().sparse_initializer(0).values().name()));
  std::set<std::string> functions;
  for (const auto& function : model.functions()) functions.insert(function.domain() + "." + function.name());
  for (const auto& node : model.graph().node()) {
    for (const auto& attribute : node.attribute())
      if (attribute.has_g() || attribute.graphs_size() > 0)
        throw UnsupportedError(fmt::format("{}: subgraphs are not supported", describe(node)));
    const bool local = functions.contains(node.domain() + "." + node.op_type());
    if (node.domain().empty() && !local && schema_of(node, opset_of(model)) == nullptr)
      throw UnsupportedError(fmt::format("{}: the operator does not exist in opset {}", describe(node), opset_of(model)));
  }
}

void drop_stale_types(onnx::GraphProto& graph) {
  std::unordered_set<std::string> foreign;
  for (const auto& node : graph.node())
    if (!node.domain().empty()) foreign.insert(node.output().begin(), node.output().end());
  google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> kept;
  for (auto& info : *graph.mutable_value_info())
    if (foreign.contains(info.name())) kept.Add(std::move(info));
  graph.mutable_value_info()->Swap(&kept);
}

void inline_functions(onnx::ModelProto& model) {
  if (model.functions_size() == 0) return;
  guarded<UnsupportedError>("model-local functions cannot be inlined",
                            [&] { onnx::inliner::InlineLocalFunctions(model, true); });
  model.clear_functions();
  normalize(model);
  refuse_forms(model);
}

void add_text(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  auto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s(value);
}

const onnx::TensorProto* constant_of(const onnx::GraphProto& graph, const std::string& name) {
  for (const auto& tensor : graph.initializer())
    if (tensor.name() == name) return &tensor;
  for (const auto& node : graph.node())
    if (node.op_type() == "Constant" && node.output(0) == name && node.attribute_size() == 1 && node.attribute(0).has_t())
      return &node.attribute(0).t();
  return nullptr;
}

bool makes_smaller(const onnx::GraphProto& graph, const std::string& scales) {
  const auto* tensor = constant_of(graph, scales);
  if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::FLOAT) return false;
  const auto values = onnx::ParseData<float>(tensor);
  return std::any_of(values.begin(), values.end(), [](float v) { return v < 1; });
}

/// Before opset 11, Resize and Upsample place pixels by their index alone, and the nearest one is the next where the image
/// becomes smaller (as onnxruntime has it; ONNX did not say). The converter leaves that to the new defaults, which differ.
void keep_old_pixels(onnx::GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() != "Resize" || !node.domain().empty()) continue;
    add_text(node, "coordinate_transformation_mode", "asymmetric");
    const bool smaller = node.input_size() > 2 && makes_smaller(graph, node.input(2));
    add_text(node, "nearest_mode", smaller ? "ceil" : "floor");
  }
}

using Axes = std::map<std::string, onnx::AttributeProto>;

/// Scales per channel as opset 13 has them, in a model that says it is older (onnxruntime's quantizer leaves the opset of
/// the model it was given): the axes by the name of the output, taken out of the nodes.
Axes take_axes(onnx::ModelProto& model) {
  Axes axes;
  if (opset_of(model) >= kMinimumOpset) return axes;
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (!node.domain().empty() || (node.op_type() != "QuantizeLinear" && node.op_type() != "DequantizeLinear")) continue;
    auto& attributes = *node.mutable_attribute();
    const auto axis = std::find_if(attributes.begin(), attributes.end(), [](const auto& a) { return a.name() == "axis"; });
    if (axis == attributes.end() || node.output_size() == 0) continue;
    axes.emplace(node.output(0), std::move(*axis));
    attributes.erase(axis);
  }
  return axes;
}

void give_axes(onnx::GraphProto& graph, const Axes& axes) {
  for (auto& node : *graph.mutable_node()) {
    const auto found = node.output_size() > 0 ? axes.find(node.output(0)) : axes.end();
    if (found != axes.end()) *node.add_attribute() = found->second;
  }
}

void convert(onnx::ModelProto& model) {
  const std::int64_t opset = opset_of(model);
  const bool wide = contrib_of_16_bits(model);
  const int wanted = wide ? k16BitOpset : kMinimumOpset;
  if (opset >= wanted) return;
  const std::string what =
      fmt::format("cannot convert from opset {} to {}{}", opset, wanted, wide ? ", which levels of 16 bits need" : "");
  model = guarded<UnsupportedError>(what, [&] { return onnx::version_conversion::ConvertVersion(model, wanted); });
  if (opset < kResizeSaysWhere) keep_old_pixels(*model.mutable_graph());
}

/// ONNX's function bodies refer to attributes that a node may leave to their defaults, and fail where it does.
void spell_out_defaults(onnx::ModelProto& model) {
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    const auto* schema = node.domain().empty() ? schema_of(node, opset_of(model)) : nullptr;
    if (schema == nullptr || !(schema->HasFunction() || schema->HasContextDependentFunction())) continue;
    if (ops::find(node.op_type()) != nullptr && schema->has_type_and_shape_inference_function()) continue;
    std::set<std::string> present;
    for (const auto& attribute : node.attribute()) present.insert(attribute.name());
    for (const auto& [name, attribute] : schema->attributes())
      if (!present.contains(name) && attribute.default_value.has_name()) *node.add_attribute() = attribute.default_value;
  }
}

/// Operators without a row of their own that ONNX defines by others.
void expand_functions(onnx::ModelProto& model) {
  onnx::inliner::FunctionIdVector expandable;
  for (const auto& node : model.graph().node()) {
    if (!node.domain().empty() || ops::find(node.op_type()) != nullptr) continue;
    const auto* schema = schema_of(node, opset_of(model));
    if (schema != nullptr && (schema->HasFunction() || schema->HasContextDependentFunction()))
      expandable.emplace_back("", node.op_type());
  }
  if (expandable.empty()) return;
  const auto chosen = onnx::inliner::FunctionIdSet::Create(std::move(expandable));
  guarded<UnsupportedError>("operators defined by functions cannot be expanded",
                            [&] { onnx::inliner::InlineSelectedFunctions(model, *chosen, nullptr); });
}

void merge_declared(onnx::TypeProto& inferred, const onnx::TypeProto& declared, const std::set<std::string>& symbols) {
  if (!inferred.has_tensor_type() || !declared.has_tensor_type()) return;
  auto& tensor = *inferred.mutable_tensor_type();
  const auto& wanted = declared.tensor_type();
  if (!tensor.has_shape()) {
    if (wanted.has_shape()) *tensor.mutable_shape() = wanted.shape();
    return;
  }
  const bool same_rank = wanted.has_shape() && wanted.shape().dim_size() == tensor.shape().dim_size();
  for (int i = 0; i < tensor.shape().dim_size(); ++i) {
    auto& dim = *tensor.mutable_shape()->mutable_dim(i);
    if (dim.has_dim_value()) continue;
    const bool known_symbol = symbols.contains(dim.dim_param());
    if (same_rank && wanted.shape().dim(i).value_case() != onnx::TensorShapeProto::Dimension::VALUE_NOT_SET)
      dim = wanted.shape().dim(i);
    else if (!known_symbol)
      dim.Clear();
  }
}

void infer_types(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  std::set<std::string> symbols;
  for (const auto& input : graph.input())
    for (const auto& dim : input.type().tensor_type().shape().dim()) symbols.insert(dim.dim_param());
  std::vector<onnx::TypeProto> declared;
  for (auto& output : *graph.mutable_output()) {
    declared.push_back(output.type());
    if (output.type().has_tensor_type()) output.mutable_type()->mutable_tensor_type()->clear_shape();
  }
  const bool standard =
      std::all_of(graph.node().begin(), graph.node().end(), [](const auto& n) { return n.domain().empty(); });
  onnx::shape_inference::DataValueMap data;
  guarded<ModelError>("shapes cannot be inferred", [&] {
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(standard, standard ? 1 : 0, true), &data);
  });
  for (int i = 0; i < graph.output_size(); ++i)
    merge_declared(*graph.mutable_output(i)->mutable_type(), declared[static_cast<std::size_t>(i)], symbols);
}

}  // namespace

int newest_opset() {
  static const int newest = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().LastReleaseVersionMap().at("");
  return newest;
}

std::int64_t opset_of(const onnx::ModelProto& model) {
  for (const auto& entry : model.opset_import())
    if (entry.domain().empty()) return entry.version();
  if (model.opset_import_size() == 0) throw ModelError("the model imports no opset");
  throw UnsupportedError(
      fmt::format("no opset of the ai.onnx domain is imported, only of '{}'", model.opset_import(0).domain()));
}

void check(onnx::ModelProto model, bool types) {
  auto& graph = *model.mutable_graph();
  for (auto& output : *graph.mutable_output())
    if (!output.has_type()) output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  for (auto* infos : {graph.mutable_input(), graph.mutable_output()})
    for (auto& info : *infos)
      if (info.type().has_tensor_type()) info.mutable_type()->mutable_tensor_type()->mutable_shape();
  guarded<ModelError>("the model is not valid", [&] { onnx::checker::check_model(model, types); });
}

Constants prepare(onnx::ModelProto& model, ExternalData& external) {
  normalize(model);
  expect_versions(model);
  inline_subgraphs(model);
  claim_contrib(model);
  refuse_forms(model);
  const Axes axes = take_axes(model);
  auto& graph = *model.mutable_graph();
  Constants constants;
  take_constants(graph, constants, external);
  drop_stale_types(graph);
  lend_constants(graph, constants);
  check(model);
  inline_functions(model);
  convert(model);
  give_axes(*model.mutable_graph(), axes);
  expand_contrib(model);
  do {
    spell_out_defaults(model);
    expand_functions(model);
  } while (inline_subgraphs(model));
  infer_types(model);
  reclaim_constants(*model.mutable_graph(), constants);
  take_constants(*model.mutable_graph(), constants, external);
  if (widen_halves(model, constants)) {
    lend_constants(*model.mutable_graph(), constants);
    infer_types(model);
    reclaim_constants(*model.mutable_graph(), constants);
  }
  return constants;
}

}  // namespace inc::onnx_io
