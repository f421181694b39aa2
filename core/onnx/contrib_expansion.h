#pragma once
// What the rows of com.microsoft share: reading one node, and writing those that stand for it.
#include <fmt/format.h>

#include <map>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/onnx/proto.h"

namespace inc::onnx_io {

using Names = std::unordered_set<std::string>;
struct KnownType {
  int element = 0;                 ///< onnx::TensorProto::DataType
  std::vector<std::int64_t> dims;  ///< -1 where unknown
};
using KnownTypes = std::map<std::string, KnownType>;

/// Writes the nodes that stand for one node.
class Expansion {
 public:
  Expansion(const onnx::NodeProto& of, std::int64_t opset_version, const KnownTypes& known, const Names& wanted,
            Names& taken, onnx::GraphProto& out)
      : node(of), opset(opset_version), types(known), wanted_(wanted), taken_(taken), out_(out) {}

  const onnx::NodeProto& node;
  const std::int64_t opset;
  const KnownTypes& types;

  std::string input(int index) const { return index < node.input_size() ? node.input(index) : std::string(); }
  const onnx::AttributeProto* attribute(std::string_view name) const {
    for (const auto& a : node.attribute())
      if (a.name() == name) return &a;
    return nullptr;
  }
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const {
    const auto* a = attribute(name);
    return a == nullptr ? otherwise : a->i();
  }
  float real(std::string_view name, float otherwise) const {
    const auto* a = attribute(name);
    return a == nullptr ? otherwise : a->f();
  }
  std::string text(std::string_view name) const {
    const auto* a = attribute(name);
    return a == nullptr ? std::string() : a->s();
  }
  /// Output `index`; empty where nobody reads it.
  std::string output(int index) const {
    return index < node.output_size() && wanted_.contains(node.output(index)) ? node.output(index) : std::string();
  }
  /// -1 when unknown.
  int rank(const std::string& value) const {
    const auto found = types.find(value);
    return found == types.end() ? -1 : static_cast<int>(found->second.dims.size());
  }
  /// The element type where the rank is known, else 0.
  int element(const std::string& value) const {
    const auto found = types.find(value);
    return found == types.end() ? 0 : found->second.element;
  }
  /// The size of an axis (negative: from the end), -1 when unknown.
  std::int64_t size(const std::string& value, int axis) const {
    const auto found = types.find(value);
    const int r = rank(value), at = axis < 0 ? axis + r : axis;
    return at < 0 || at >= r ? -1 : found->second.dims[static_cast<std::size_t>(at)];
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw UnsupportedError(fmt::format("{}: {}", describe(node), why));
  }

  std::string fresh() {
    for (;;) {
      std::string name = fmt::format("{}/{}", node.output(0), count_++);
      if (taken_.insert(name).second) return name;
    }
  }
  /// A node whose only output is `output`, or a fresh value; missing inputs at the end are left out.
  onnx::NodeProto& add(const std::string& op, std::vector<std::string> inputs, const std::string& output = "") {
    while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
    auto& added = *out_.add_node();
    added.set_op_type(op);
    for (auto& name : inputs) added.add_input(std::move(name));
    added.add_output(output.empty() ? fresh() : output);
    added.set_name(output.empty() || node.name().empty() ? added.output(0) : node.name());
    return added;
  }
  /// Takes over the named attributes that are present.
  void keep(onnx::NodeProto& to, std::initializer_list<std::string_view> names) const {
    for (const auto name : names)
      if (const auto* a = attribute(name)) *to.add_attribute() = *a;
  }
  static void set(onnx::NodeProto& to, const std::string& name, std::int64_t value) {
    auto* a = to.add_attribute();
    a->set_name(name);
    a->set_type(onnx::AttributeProto::INT);
    a->set_i(value);
  }
  static void set(onnx::NodeProto& to, const std::string& name, float value) {
    auto* a = to.add_attribute();
    a->set_name(name);
    a->set_type(onnx::AttributeProto::FLOAT);
    a->set_f(value);
  }
  static void set(onnx::NodeProto& to, const std::string& name, const std::vector<std::int64_t>& values) {
    auto* a = to.add_attribute();
    a->set_name(name);
    a->set_type(onnx::AttributeProto::INTS);
    for (const auto v : values) a->add_ints(v);
  }
  std::string real(float value) {
    auto& constant = add("Constant", {});
    auto* a = constant.add_attribute();
    a->set_name("value_float");
    a->set_type(onnx::AttributeProto::FLOAT);
    a->set_f(value);
    return constant.output(0);
  }
  std::string integers(const std::vector<std::int64_t>& values) {
    auto& constant = add("Constant", {});
    set(constant, "value_ints", values);
    return constant.output(0);
  }
  std::string integer_constant(std::int64_t value) {
    auto& constant = add("Constant", {});
    set(constant, "value_int", value);
    return constant.output(0);
  }
  std::string byte(std::uint8_t value) {
    auto& constant = add("Constant", {});
    auto* a = constant.add_attribute();
    a->set_name("value");
    a->set_type(onnx::AttributeProto::TENSOR);
    a->mutable_t()->set_data_type(onnx::TensorProto::UINT8);
    a->mutable_t()->add_int32_data(value);
    return constant.output(0);
  }
  /// The value of a node with one output and no attributes.
  std::string of(const std::string& op, std::vector<std::string> inputs, const std::string& output = "") {
    return add(op, std::move(inputs), output).output(0);
  }
  std::string dequantized(const std::string& data, const std::string& scale, const std::string& zero, std::int64_t axis) {
    auto& added = add("DequantizeLinear", {data, scale, zero});
    set(added, "axis", axis);
    return added.output(0);
  }
  /// Input `index`, with scale and zero point behind it.
  std::string dequantized(int index, std::int64_t axis = 0) {
    return dequantized(input(index), input(index + 1), input(index + 2), axis);
  }
  /// Makes the node's output of `real`; scale and zero point are inputs `scale` and `scale` + 1.
  void quantize(const std::string& real, int scale) {
    if (input(scale + 1).empty()) refuse("no output zero point found");
    add("QuantizeLinear", {real, input(scale), input(scale + 1)}, node.output(0));
  }

 private:
  const Names& wanted_;
  Names& taken_;
  onnx::GraphProto& out_;
  int count_ = 0;
};

struct ContribRow {
  std::string_view op;
  int min_inputs, max_outputs;
  void (*expand)(Expansion&);
};
/// The operators over floats that onnxruntime's optimizer writes.
const std::vector<ContribRow>& fused_rows();
/// Those of decoders with quantized weights.
const std::vector<ContribRow>& decoder_rows();

}  // namespace inc::onnx_io
