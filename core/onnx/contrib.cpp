#include "core/onnx/contrib.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace {

constexpr std::string_view kDomain = "com.microsoft";
constexpr std::int64_t kSoftmaxOverOneAxis = 13;

using Names = std::unordered_set<std::string>;

/// Writes the nodes that stand for one node of the domain.
class Expansion {
 public:
  Expansion(const onnx::NodeProto& of, Names& taken, onnx::GraphProto& out) : node(of), taken_(taken), out_(out) {}

  const onnx::NodeProto& node;

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
  std::string real(float value) {
    auto& constant = add("Constant", {});
    auto* a = constant.add_attribute();
    a->set_name("value_float");
    a->set_type(onnx::AttributeProto::FLOAT);
    a->set_f(value);
    return constant.output(0);
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
  Names& taken_;
  onnx::GraphProto& out_;
  int count_ = 0;
};

void expand_qdq(Expansion& e) {
  auto& added = e.add(e.node.op_type(), {e.input(0), e.input(1), e.input(2)}, e.node.output(0));
  e.keep(added, {"axis"});
}

/// QLinearAdd, QLinearMul: a, b, c, each with scale and zero point.
void expand_binary(Expansion& e) {
  const std::string a = e.dequantized(0), b = e.dequantized(3);
  e.quantize(e.add(e.node.op_type().substr(std::string_view("QLinear").size()), {a, b}).output(0), 6);
}

/// QLinearSigmoid, QLinearLeakyRelu, pooling: x and y, each with scale and zero point.
void expand_unary(Expansion& e) {
  if (e.integer("channels_last", 0) != 0) e.refuse("channels_last 1 found, 0 expected");
  auto& added = e.add(e.node.op_type().substr(std::string_view("QLinear").size()), {e.dequantized(0)});
  e.keep(added, {"alpha", "auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"});
  e.quantize(added.output(0), 3);
}

void expand_softmax(Expansion& e) {
  const std::int64_t axis = e.integer("axis", -1);
  if (e.integer("opset", 0) < kSoftmaxOverOneAxis && axis != -1)
    e.refuse(fmt::format("axis {} in the sense of opset {} found, -1 expected", axis, e.integer("opset", 0)));
  auto& added = e.add("Softmax", {e.dequantized(0)});
  Expansion::set(added, "axis", axis);
  e.quantize(added.output(0), 3);
}

/// y_scale, y_zero_point, then each input with scale and zero point.
void expand_concat(Expansion& e) {
  std::vector<std::string> inputs;
  for (int i = 2; i < e.node.input_size(); i += 3) inputs.push_back(e.dequantized(i));
  auto& added = e.add("Concat", std::move(inputs));
  e.keep(added, {"axis"});
  e.quantize(added.output(0), 0);
}

/// condition, x and y, each with scale and zero point, z_scale, z_zero_point.
void expand_where(Expansion& e) {
  const std::string x = e.dequantized(1), y = e.dequantized(4);
  e.quantize(e.add("Where", {e.input(0), x, y}).output(0), 7);
}

/// a and b, each with scale and zero point, c in units of alpha * a_scale * b_scale, y_scale, y_zero_point.
void expand_gemm(Expansion& e) {
  const std::string a = e.dequantized(0), b = e.dequantized(3, e.integer("transB", 0) != 0 ? 0 : 1);
  std::string c;
  if (!e.input(6).empty()) {
    std::string unit = e.add("Mul", {e.input(1), e.input(4)}).output(0);
    const auto* alpha = e.attribute("alpha");
    if (alpha != nullptr && alpha->f() != 1.0f) unit = e.add("Mul", {unit, e.real(alpha->f())}).output(0);
    c = e.dequantized(e.input(6), unit, "", -1);
  }
  const bool real = e.input(7).empty();
  auto& added = e.add("Gemm", {a, b, c}, real ? e.node.output(0) : "");
  e.keep(added, {"alpha", "transA", "transB"});
  if (!real) e.quantize(added.output(0), 7);
}

void add_product(Expansion& e, const std::string& a, const std::string& b, const std::string& bias) {
  const std::string y = e.node.output(0);
  const std::string product = e.add("MatMul", {a, b}, bias.empty() ? y : "").output(0);
  if (!bias.empty()) e.add("Add", {product, bias}, y);
}

/// a, b, a_scale, b_scale, a_zero_point, b_zero_point, bias.
void expand_matmul_integer(Expansion& e) {
  const std::string a = e.dequantized(e.input(0), e.input(2), e.input(4), 0);
  add_product(e, a, e.dequantized(e.input(1), e.input(3), e.input(5), -1), e.input(6));
}

/// a, b, b_scale, b_zero_point, bias.
void expand_dynamic_matmul(Expansion& e) {
  auto& dynamic = e.add("DynamicQuantizeLinear", {e.input(0)});
  const std::string q = dynamic.output(0), scale = e.fresh(), zero = e.fresh();
  dynamic.add_output(scale);
  dynamic.add_output(zero);
  const std::string a = e.dequantized(q, scale, zero, 0);
  add_product(e, a, e.dequantized(e.input(1), e.input(2), e.input(3), -1), e.input(4));
}

struct Row {
  std::string_view op;
  int min_inputs;
  void (*expand)(Expansion&);
};
constexpr Row kRows[] = {
    {"QuantizeLinear", 2, expand_qdq},
    {"DequantizeLinear", 2, expand_qdq},
    {"QLinearAdd", 8, expand_binary},
    {"QLinearMul", 8, expand_binary},
    {"QLinearSigmoid", 5, expand_unary},
    {"QLinearLeakyRelu", 5, expand_unary},
    {"QLinearAveragePool", 5, expand_unary},
    {"QLinearGlobalAveragePool", 5, expand_unary},
    {"QLinearSoftmax", 5, expand_softmax},
    {"QLinearConcat", 5, expand_concat},
    {"QLinearWhere", 9, expand_where},
    {"QGemm", 6, expand_gemm},
    {"MatMulIntegerToFloat", 4, expand_matmul_integer},
    {"DynamicQuantizeMatMul", 3, expand_dynamic_matmul},
};

const Row* row_of(const onnx::NodeProto& node) {
  if (node.domain() != kDomain) return nullptr;
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == node.op_type(); });
  return row == std::end(kRows) ? nullptr : row;
}

Names value_names(const onnx::GraphProto& graph) {
  Names names;
  for (const auto& value : graph.input()) names.insert(value.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& node : graph.node()) names.insert(node.output().begin(), node.output().end());
  return names;
}

}  // namespace

void expand_contrib(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  if (std::none_of(graph.node().begin(), graph.node().end(), row_of)) return;
  Names taken = value_names(graph);
  onnx::GraphProto expanded;
  for (auto& node : *graph.mutable_node()) {
    const Row* row = row_of(node);
    if (row == nullptr) {
      *expanded.add_node() = std::move(node);
      continue;
    }
    Expansion expansion(node, taken, expanded);
    if (node.input_size() < row->min_inputs || node.output_size() != 1)
      expansion.refuse(fmt::format("{} inputs and {} outputs found, at least {} and 1 expected", node.input_size(),
                                   node.output_size(), row->min_inputs));
    row->expand(expansion);
  }
  graph.mutable_node()->Swap(expanded.mutable_node());
}

}  // namespace inc::onnx_io
