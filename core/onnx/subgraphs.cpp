#include "core/onnx/subgraphs.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <array>

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

constexpr std::int64_t kMostNodes = 8192;

bool is_inlinable(const onnx::NodeProto& node) {
  return node.domain().empty() && (node.op_type() == "If" || node.op_type() == "Loop" || node.op_type() == "Scan");
}

std::optional<ir::Tensor> small(onnx::TensorProto tensor) {
  ExternalData none;
  if (tensor.ByteSizeLong() > kLargestBytes) return std::nullopt;
  return tensor_of(tensor, none, "condition");
}

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

/// Takes initializers whose data is elsewhere for graph inputs, while it lives: the ONNX library would look for their files.
class Parked {
 public:
  explicit Parked(onnx::GraphProto& graph) : graph_(graph), inputs_(graph.input_size()) {
    std::unordered_set<std::string> inputs;
    for (const auto& input : graph.input()) inputs.insert(input.name());
    all_.Swap(graph.mutable_initializer());
    for (const auto& tensor : all_) {
      if (tensor.data_location() != onnx::TensorProto::EXTERNAL) {
        *graph.add_initializer() = tensor;
      } else if (!inputs.contains(tensor.name())) {
        auto& input = *graph.add_input();
        input.set_name(tensor.name());
        auto& type = *input.mutable_type()->mutable_tensor_type();
        type.set_elem_type(tensor.data_type());
        for (const std::int64_t dim : tensor.dims()) type.mutable_shape()->add_dim()->set_dim_value(dim);
      }
    }
  }
  ~Parked() {
    while (graph_.input_size() > inputs_) graph_.mutable_input()->RemoveLast();
    all_.Swap(graph_.mutable_initializer());
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;

 private:
  onnx::GraphProto& graph_;
  int inputs_;
  google::protobuf::RepeatedPtrField<onnx::TensorProto> all_;
};

void infer_dimensions(onnx::ModelProto& model) {
  const Parked parked(*model.mutable_graph());
  try {
    check(model);
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(false, 0, true));
  } catch (const std::exception&) {
    return;  // said later, by those whose business it is
  }
}

}  // namespace

const onnx::AttributeProto* attribute_of(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& a : node.attribute())
    if (a.name() == name) return &a;
  return nullptr;
}

Oracle::Oracle(const onnx::GraphProto& graph, std::int64_t opset) : opset_(opset) {
  for (const auto* infos : {&graph.input(), &graph.value_info()})
    for (const auto& info : *infos) {
      if (!info.type().tensor_type().has_shape()) continue;
      auto& dims = shapes_[info.name()];
      dims.clear();
      for (const auto& dim : info.type().tensor_type().shape().dim())
        dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    }
  for (const auto& tensor : graph.initializer()) {
    constants_[tensor.name()] = &tensor;
    shapes_[tensor.name()].assign(tensor.dims().begin(), tensor.dims().end());
  }
  for (const auto& node : graph.node())
    if (node.output_size() > 0) producers_[node.output(0)] = &node;
}

std::optional<bool> Oracle::truth(const std::string& name) {
  const auto value = known(name, kDeepest);
  if (!value || value->dtype() != DType::Bool || value->count() != 1) return std::nullopt;
  return value->to_int64s()[0] != 0;
}

std::optional<std::int64_t> Oracle::integer(const std::string& name) {
  const auto value = known(name, kDeepest);
  if (!value || value->dtype() != DType::Int64 || value->count() != 1) return std::nullopt;
  return value->to_int64s()[0];
}

std::optional<std::int64_t> Oracle::size(const std::string& name, std::int64_t axis) const {
  const auto dims = shapes_.find(name);
  if (dims == shapes_.end()) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(dims->second.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || dims->second[static_cast<std::size_t>(axis)] < 0) return std::nullopt;
  return dims->second[static_cast<std::size_t>(axis)];
}

Oracle::Known Oracle::known(const std::string& name, int depth) {
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

Oracle::Known Oracle::result(const onnx::NodeProto& node, int depth) {
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
Oracle::Known Oracle::dimension(const onnx::NodeProto& node, int depth) {
  const auto shape = producers_.find(node.input(0));
  const Known index = known(node.input(1), depth - 1);
  if (shape == producers_.end() || shape->second->op_type() != "Shape" || shape->second->input_size() != 1 ||
      shape->second->attribute_size() != 0 || !index || index->count() != 1)
    return std::nullopt;
  const auto extent = size(shape->second->input(0), index->to_int64s()[0]);
  if (!extent) return std::nullopt;
  return ir::Tensor::of<std::int64_t>(index->shape(), {*extent});
}

Splicer::Splicer(onnx::GraphProto& graph) : graph_(graph) {
  for (const auto& input : graph.input()) taken_.insert(input.name());
  for (const auto& tensor : graph.initializer()) taken_.insert(tensor.name());
  for (const auto& node : graph.node()) taken_.insert(node.output().begin(), node.output().end());
}

std::string Splicer::fresh(std::string name) {
  while (!taken_.insert(name).second) name += "_";
  return name;
}

Renames Splicer::hoist(const onnx::GraphProto& body) {
  Renames renames;
  for (const auto& tensor : body.initializer()) {
    auto& hoisted = *graph_.add_initializer();
    hoisted = tensor;
    hoisted.set_name(renames[tensor.name()] = fresh(tensor.name()));
  }
  return renames;
}

std::vector<std::string> Splicer::splice(const onnx::GraphProto& body, Renames renames, const std::string& suffix,
                                         Nodes& out) {
  for (const auto& inner : body.node()) {
    onnx::NodeProto node = inner;
    rename_reads(node, renames);
    if (!node.name().empty()) node.set_name(node.name() + suffix);
    for (auto& name : *node.mutable_output())
      if (!name.empty()) name = renames[name] = fresh(name + suffix);
    out.Add(std::move(node));
  }
  std::vector<std::string> outputs;
  for (const auto& output : body.output()) {
    outputs.push_back(output.name());
    follow(renames, outputs.back());
  }
  return outputs;
}

onnx::NodeProto& add_node(Nodes& out, const std::string& op, const std::vector<std::string>& inputs, const std::string& y) {
  auto& node = *out.Add();
  node.set_op_type(op);
  for (const auto& name : inputs) node.add_input(name);
  node.add_output(y);
  node.set_name(y);
  return node;
}

bool inline_subgraphs(onnx::ModelProto& model) {
  const auto any = [&] { return std::any_of(model.graph().node().begin(), model.graph().node().end(), is_inlinable); };
  std::int64_t budget = kMostNodes;
  const auto inline_once = [&] {
    const bool chosen = inline_choices(model), unrolled = unroll_loops(model, budget);
    if (chosen || unrolled) normalize(model);
    return chosen || unrolled;
  };
  bool ever = false, inlined = true;
  while (inlined && any()) {
    inlined = inline_once();
    if (!inlined) {
      infer_dimensions(model);
      inlined = inline_once();
    }
    ever = ever || inlined;
  }
  return ever;
}

}  // namespace inc::onnx_io
