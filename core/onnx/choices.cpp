#include "core/onnx/choices.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/onnx/constants.h"
#include "core/onnx/normalize.h"
#include "core/onnx/prepare.h"
#include "core/onnx/proto.h"
#include "core/ops/ops.h"

namespace inc::onnx_io {
namespace {

constexpr int kDeepest = 32;
constexpr std::size_t kLargestBytes = 4096;
/// Operators of conditions that mean the same at every opset that is accepted.
constexpr std::array<std::string_view, 14> kEvaluated = {
    "Equal", "Greater", "GreaterOrEqual", "Less",    "LessOrEqual", "Not", "And", "Or", "Xor", "Add",
    "Sub",   "Mul",     "Cast",           "Identity"};

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

bool is_choice(const onnx::NodeProto& node) {
  return node.op_type() == "If" && node.domain().empty();
}

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& a : node.attribute())
    if (a.name() == name) return &a;
  return nullptr;
}

/// What small tensors of a graph are, as far as constants and known dimensions say.
class Oracle {
 public:
  Oracle(const onnx::GraphProto& graph, std::int64_t opset) : opset_(opset) {
    for (const auto& tensor : graph.initializer()) constants_[tensor.name()] = &tensor;
    for (const auto& node : graph.node())
      if (node.output_size() > 0) producers_[node.output(0)] = &node;
    for (const auto* infos : {&graph.input(), &graph.value_info()})
      for (const auto& info : *infos)
        if (info.type().tensor_type().has_shape()) shapes_[info.name()] = &info.type().tensor_type().shape();
  }

  std::optional<bool> truth(const std::string& name) {
    const auto value = known(name, kDeepest);
    if (!value || value->dtype() != DType::Bool || value->count() != 1) return std::nullopt;
    return value->to_int64s()[0] != 0;
  }

 private:
  using Known = std::optional<ir::Tensor>;

  Known known(const std::string& name, int depth) {
    const auto seen = values_.find(name);
    if (seen != values_.end()) return seen->second;
    Known value;
    try {
      const auto constant = constants_.find(name);
      const auto producer = producers_.find(name);
      if (constant != constants_.end())
        value = small(*constant->second);
      else if (producer != producers_.end() && depth > 0 && producer->second->domain().empty())
        value = result(*producer->second, depth);
    } catch (const Error&) {
      value.reset();
    }
    return values_[name] = value;
  }

  static Known small(onnx::TensorProto tensor) {
    ExternalData none;
    if (tensor.ByteSizeLong() > kLargestBytes) return std::nullopt;
    return tensor_of(tensor, none, "condition");
  }

  Known result(const onnx::NodeProto& node, int depth) {
    if (node.op_type() == "Constant" && node.attribute_size() == 1)
      return node.attribute(0).has_t() ? small(node.attribute(0).t()) : Known{};
    if (node.op_type() == "Gather" && node.input_size() == 2) return dimension(node, depth);
    if (std::find(kEvaluated.begin(), kEvaluated.end(), node.op_type()) == kEvaluated.end()) return std::nullopt;
    std::vector<ir::Tensor> inputs;
    for (const auto& name : node.input()) {
      const Known input = known(name, depth - 1);
      if (!input) return std::nullopt;
      inputs.push_back(*input);
    }
    ExternalData none;
    ir::Node evaluated{{}, node.name(), node.op_type(), std::vector<ir::ValueId>(inputs.size(), ir::ValueId{0}), {{0}}, {}};
    for (onnx::AttributeProto a : node.attribute()) evaluated.attrs.set(a.name(), attribute_of(a, none, describe(node)));
    const ops::OpInfo* row = ops::find(node.op_type());
    if (row == nullptr || static_cast<int>(inputs.size()) != row->min_inputs) return std::nullopt;
    return ops::evaluate(evaluated, inputs, opset_)[0];
  }

  /// One element of a Shape.
  Known dimension(const onnx::NodeProto& node, int depth) {
    const auto shape = producers_.find(node.input(0));
    const Known index = known(node.input(1), depth - 1);
    if (shape == producers_.end() || shape->second->op_type() != "Shape" || shape->second->input_size() != 1 ||
        shape->second->attribute_size() != 0 || !index || index->count() != 1)
      return std::nullopt;
    const auto dims = shapes_.find(shape->second->input(0));
    if (dims == shapes_.end()) return std::nullopt;
    std::int64_t at = index->to_int64s()[0];
    if (at < 0) at += dims->second->dim_size();
    if (at < 0 || at >= dims->second->dim_size()) return std::nullopt;
    const auto& dim = dims->second->dim(static_cast<int>(at));
    if (!dim.has_dim_value()) return std::nullopt;
    return ir::Tensor::of<std::int64_t>(index->shape(), {dim.dim_value()});
  }

  std::int64_t opset_;
  std::unordered_map<std::string, const onnx::TensorProto*> constants_;
  std::unordered_map<std::string, const onnx::NodeProto*> producers_;
  std::unordered_map<std::string, const onnx::TensorShapeProto*> shapes_;
  std::unordered_map<std::string, Known> values_;
};

using Renames = std::unordered_map<std::string, std::string>;

void follow(const Renames& renames, std::string& name) {
  const auto found = renames.find(name);
  if (found != renames.end()) name = found->second;
}

/// Everything the node reads, in its subgraphs too.
void rename_reads(onnx::NodeProto& node, const Renames& renames) {
  for (auto& name : *node.mutable_input()) follow(renames, name);
  for (auto& a : *node.mutable_attribute()) {
    if (!a.has_g()) continue;
    auto& graph = *a.mutable_g();
    Renames inside = renames;
    for (const auto& input : graph.input()) inside.erase(input.name());
    for (const auto& tensor : graph.initializer()) inside.erase(tensor.name());
    for (const auto& inner : graph.node())
      for (const auto& name : inner.output()) inside.erase(name);
    for (auto& inner : *graph.mutable_node()) rename_reads(inner, inside);
    for (auto& output : *graph.mutable_output()) follow(inside, *output.mutable_name());
  }
}

class Inlining {
 public:
  explicit Inlining(onnx::GraphProto& graph) : graph_(graph) {
    for (const auto& input : graph.input()) taken_.insert(input.name());
    for (const auto& tensor : graph.initializer()) taken_.insert(tensor.name());
    for (const auto& node : graph.node()) taken_.insert(node.output().begin(), node.output().end());
  }

  void take(const onnx::NodeProto& choice, onnx::GraphProto branch, Nodes& out) {
    Renames renames;
    const auto apart = [&](std::string& name) {
      if (name.empty()) return;
      std::string fresh = name;
      while (!taken_.insert(fresh).second) fresh += "_";
      renames[name] = fresh;
      name = fresh;
    };
    for (auto& tensor : *branch.mutable_initializer()) {
      apart(*tensor.mutable_name());
      graph_.add_initializer()->Swap(&tensor);
    }
    for (auto& node : *branch.mutable_node()) {
      rename_reads(node, renames);
      for (auto& name : *node.mutable_output()) apart(name);
      out.Add(std::move(node));
    }
    for (int i = 0; i < choice.output_size(); ++i) {
      const auto found = renames.find(branch.output(i).name());
      auto& handed = *out.Add();
      handed.set_op_type("Identity");
      handed.add_input(found == renames.end() ? branch.output(i).name() : found->second);
      handed.add_output(choice.output(i));
      handed.set_name(choice.output(i));
    }
  }

 private:
  onnx::GraphProto& graph_;
  std::unordered_set<std::string> taken_;
};

/// The branch that is taken; nullptr when that is open or the branch does not fit.
const onnx::GraphProto* branch_of(const onnx::NodeProto& choice, Oracle& oracle) {
  if (choice.input_size() != 1) return nullptr;
  const auto truth = oracle.truth(choice.input(0));
  if (!truth) return nullptr;
  const auto* branch = attribute(choice, *truth ? "then_branch" : "else_branch");
  if (branch == nullptr || !branch->has_g() || branch->g().input_size() > 0 || branch->g().sparse_initializer_size() > 0 ||
      branch->g().output_size() != choice.output_size())
    return nullptr;
  const auto& outputs = choice.output();
  return std::find(outputs.begin(), outputs.end(), "") == outputs.end() ? &branch->g() : nullptr;
}

void infer_dimensions(onnx::ModelProto& model) {
  try {
    check(model);
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(false, 0, false));
  } catch (const std::exception&) {
    return;  // said later, by those whose business it is
  }
}

bool inline_known(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  std::map<int, const onnx::GraphProto*> branches;
  Oracle oracle(graph, opset_of(model));
  for (int i = 0; i < graph.node_size(); ++i)
    if (is_choice(graph.node(i)))
      if (const auto* branch = branch_of(graph.node(i), oracle)) branches[i] = branch;
  if (branches.empty()) return false;
  Inlining inlining(graph);
  Nodes nodes;
  for (int i = 0; i < graph.node_size(); ++i) {
    const auto found = branches.find(i);
    if (found == branches.end())
      nodes.Add(std::move(*graph.mutable_node(i)));
    else
      inlining.take(graph.node(i), *found->second, nodes);
  }
  graph.mutable_node()->Swap(&nodes);
  normalize(model);
  return true;
}

}  // namespace

void inline_choices(onnx::ModelProto& model) {
  const auto any = [&] { return std::any_of(model.graph().node().begin(), model.graph().node().end(), is_choice); };
  bool inlined = true;
  while (inlined && any()) {
    inlined = inline_known(model);
    if (inlined || !any()) continue;
    infer_dimensions(model);
    inlined = inline_known(model);
  }
}

}  // namespace inc::onnx_io
