#include "core/onnx/widen.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/ir/convert.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace {

constexpr auto kHalf = onnx::TensorProto::FLOAT16;
constexpr auto kFloat = onnx::TensorProto::FLOAT;
/// The attributes of ai.onnx that name an element type.
constexpr std::array<std::string_view, 7> kTypeAttributes = {
    "to", "dtype", "output_dtype", "output_datatype", "precision", "stash_type", "softmax_precision"};

bool is_half(const onnx::ValueInfoProto& info) {
  return info.type().has_tensor_type() && info.type().tensor_type().elem_type() == kHalf;
}

class Widening {
 public:
  Widening(onnx::GraphProto& graph, Constants& constants) : graph_(graph), constants_(constants) {
    for (const auto& input : graph.input()) apart_.insert(input.name());
    apart_.insert(constants.order.begin(), constants.order.end());
    taken_ = apart_;
    for (const auto& node : graph.node()) taken_.insert(node.output().begin(), node.output().end());
  }

  bool run() {
    widen_constants();
    for (auto& node : *graph_.mutable_node())
      if (node.domain().empty()) widen_attributes(node);
    for (auto& info : *graph_.mutable_value_info()) {
      if (!is_half(info)) continue;
      info.mutable_type()->mutable_tensor_type()->set_elem_type(kFloat);
      changed_ = true;
    }
    for (const auto& input : graph_.input())
      if (is_half(input)) cast_input(input.name());
    for (const auto& output : graph_.output())
      if (is_half(output) && !apart_.contains(output.name())) cast_output(output.name());
    if (!changed_) return false;
    rename();
    for (auto& node : *graph_.mutable_node()) before_.Add(std::move(node));
    for (auto& node : after_) before_.Add(std::move(node));
    graph_.mutable_node()->Swap(&before_);
    return true;
  }

 private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

  void widen_constants() {
    std::unordered_set<std::string> outputs;
    for (const auto& output : graph_.output()) outputs.insert(output.name());
    const std::vector<std::string> names = constants_.order;
    for (const auto& name : names) {
      ir::Tensor& tensor = constants_.tensors.at(name);
      if (tensor.dtype() != DType::Float16) continue;
      const ir::Tensor wide = ir::converted(tensor, DType::Float);
      if (!outputs.contains(name)) {
        tensor = wide;
        changed_ = true;
      } else if (is_read(name)) {
        constants_.add(renamed_[name] = fresh(name), wide);
        changed_ = true;
      }
    }
  }

  bool is_read(const std::string& name) const {
    return std::any_of(graph_.node().begin(), graph_.node().end(), [&](const auto& node) {
      return std::find(node.input().begin(), node.input().end(), name) != node.input().end();
    });
  }

  void widen_attributes(onnx::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      const bool names_type =
          std::find(kTypeAttributes.begin(), kTypeAttributes.end(), attribute.name()) != kTypeAttributes.end();
      if (names_type && attribute.type() == onnx::AttributeProto::INT && attribute.i() == kHalf) {
        attribute.set_i(kFloat);
        changed_ = true;
      }
      if (attribute.has_t() && attribute.t().data_type() == kHalf) {
        ExternalData none;
        const ir::Tensor tensor = ir::converted(tensor_of(*attribute.mutable_t(), none, attribute.name()), DType::Float);
        attribute.clear_t();
        describe_tensor(*attribute.mutable_t(), "", tensor);
        store_inline(*attribute.mutable_t(), tensor);
        changed_ = true;
      }
    }
  }

  void cast_input(const std::string& name) {
    const std::string inside = fresh(name);
    renamed_[name] = inside;
    cast(before_, name, inside, kFloat);
  }

  void cast_output(const std::string& name) {
    const std::string inside = fresh(name);
    renamed_[name] = inside;
    cast(after_, inside, name, kHalf);
  }

  void cast(Nodes& nodes, const std::string& from, const std::string& to, std::int64_t type) {
    auto& node = *nodes.Add();
    node.set_op_type("Cast");
    node.set_name(to);
    node.add_input(from);
    node.add_output(to);
    auto* attribute = node.add_attribute();
    attribute->set_name("to");
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(type);
    changed_ = true;
  }

  void rename() {
    const auto follow = [&](std::string& name) {
      const auto found = renamed_.find(name);
      if (found != renamed_.end()) name = found->second;
    };
    for (auto& node : *graph_.mutable_node()) {
      for (auto& name : *node.mutable_input()) follow(name);
      for (auto& name : *node.mutable_output()) follow(name);
    }
  }

  std::string fresh(const std::string& name) {
    std::string inside = name + "/float";
    while (!taken_.insert(inside).second) inside += "_";
    return inside;
  }

  onnx::GraphProto& graph_;
  Constants& constants_;
  /// Values that no node makes.
  std::unordered_set<std::string> apart_, taken_;
  std::unordered_map<std::string, std::string> renamed_;
  Nodes before_, after_;
  bool changed_ = false;
};

}  // namespace

bool widen_halves(onnx::ModelProto& model, Constants& constants) {
  auto& graph = *model.mutable_graph();
  const bool by_bits =
      std::any_of(graph.node().begin(), graph.node().end(), [](const auto& n) { return n.op_type() == "BitCast"; });
  return !by_bits && Widening(graph, constants).run();
}

}  // namespace inc::onnx_io
