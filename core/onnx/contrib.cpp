#include "core/onnx/contrib.h"

#include <onnx/defs/schema.h>
#include <onnx/shape_inference/implementation.h>

#include <algorithm>

#include "core/onnx/contrib_expansion.h"
#include "core/onnx/prepare.h"

namespace inc::onnx_io {
namespace {

constexpr std::string_view kDomain = "com.microsoft";
constexpr std::int64_t kSoftmaxOverOneAxis = 13;

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

constexpr ContribRow kRows[] = {
    {"QuantizeLinear", 2, 1, expand_qdq},
    {"DequantizeLinear", 2, 1, expand_qdq},
    {"QLinearAdd", 8, 1, expand_binary},
    {"QLinearMul", 8, 1, expand_binary},
    {"QLinearSigmoid", 5, 1, expand_unary},
    {"QLinearLeakyRelu", 5, 1, expand_unary},
    {"QLinearAveragePool", 5, 1, expand_unary},
    {"QLinearGlobalAveragePool", 5, 1, expand_unary},
    {"QLinearSoftmax", 5, 1, expand_softmax},
    {"QLinearConcat", 5, 1, expand_concat},
    {"QLinearWhere", 9, 1, expand_where},
    {"QGemm", 6, 1, expand_gemm},
    {"MatMulIntegerToFloat", 4, 1, expand_matmul_integer},
    {"DynamicQuantizeMatMul", 3, 1, expand_dynamic_matmul},
};

const ContribRow* row_of(const onnx::NodeProto& node) {
  if (node.domain() != kDomain) return nullptr;
  const auto is_it = [&](const ContribRow& row) { return row.op == node.op_type(); };
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), is_it);
  if (row != std::end(kRows)) return row;
  for (const auto* rows : {&fused_rows(), &decoder_rows()})
    if (const auto other = std::find_if(rows->begin(), rows->end(), is_it); other != rows->end()) return &*other;
  return nullptr;
}

Names value_names(const onnx::GraphProto& graph) {
  Names names;
  for (const auto& value : graph.input()) names.insert(value.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& node : graph.node()) names.insert(node.output().begin(), node.output().end());
  return names;
}

Names names_read(const onnx::GraphProto& graph) {
  Names names;
  for (const auto& value : graph.output()) names.insert(value.name());
  for (const auto& node : graph.node()) names.insert(node.input().begin(), node.input().end());
  return names;
}

KnownTypes known_types(const onnx::ModelProto& model) {
  onnx::ModelProto inferred = model;
  guarded<ModelError>("shapes cannot be inferred", [&] {
    onnx::shape_inference::InferShapes(inferred, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(false, 0, true));
  });
  KnownTypes known;
  const auto& graph = inferred.graph();
  for (const auto* infos : {&graph.input(), &graph.value_info()})
    for (const auto& info : *infos) {
      if (!info.type().has_tensor_type() || !info.type().tensor_type().has_shape()) continue;
      auto& type = known[info.name()];
      type = {info.type().tensor_type().elem_type(), {}};
      for (const auto& dim : info.type().tensor_type().shape().dim())
        type.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    }
  for (const auto& tensor : graph.initializer())
    known[tensor.name()] = {tensor.data_type(), {tensor.dims().begin(), tensor.dims().end()}};
  return known;
}

}  // namespace

void claim_contrib(onnx::ModelProto& model) {
  bool any = false;
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (!node.domain().empty()) continue;
    const auto* schema =
        onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(opset_of(model)), onnx::ONNX_DOMAIN);
    if (schema != nullptr) continue;
    node.set_domain(std::string(kDomain));
    if (row_of(node) == nullptr) node.clear_domain();
    any = any || !node.domain().empty();
  }
  const auto& imports = model.opset_import();
  if (!any || std::any_of(imports.begin(), imports.end(), [](const auto& i) { return i.domain() == kDomain; })) return;
  auto* import = model.add_opset_import();
  import->set_domain(std::string(kDomain));
  import->set_version(1);
}

bool contrib_of_16_bits(const onnx::ModelProto& model) {
  const auto is_wide = [](int type) { return type == onnx::TensorProto::UINT16 || type == onnx::TensorProto::INT16; };
  const auto& graph = model.graph();
  Names wide;
  for (const auto& value : graph.input())
    if (is_wide(value.type().tensor_type().elem_type())) wide.insert(value.name());
  for (const auto& tensor : graph.initializer())
    if (is_wide(tensor.data_type())) wide.insert(tensor.name());
  return std::any_of(graph.node().begin(), graph.node().end(), [&](const onnx::NodeProto& node) {
    const auto& inputs = node.input();
    return row_of(node) != nullptr &&
           std::any_of(inputs.begin(), inputs.end(), [&](const std::string& name) { return wide.contains(name); });
  });
}

void expand_contrib(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  if (std::none_of(graph.node().begin(), graph.node().end(), row_of)) return;
  Names taken = value_names(graph);
  const Names wanted = names_read(graph);
  const KnownTypes types = known_types(model);
  onnx::GraphProto expanded;
  for (auto& node : *graph.mutable_node()) {
    const ContribRow* row = row_of(node);
    if (row == nullptr) {
      *expanded.add_node() = std::move(node);
      continue;
    }
    Expansion expansion(node, opset_of(model), types, wanted, taken, expanded);
    if (node.input_size() < row->min_inputs || node.output_size() < 1 || node.output_size() > row->max_outputs)
      expansion.refuse(fmt::format("{} inputs and {} outputs found, at least {} and 1 to {} expected", node.input_size(),
                                   node.output_size(), row->min_inputs, row->max_outputs));
    row->expand(expansion);
  }
  graph.mutable_node()->Swap(expanded.mutable_node());
}

}  // namespace inc::onnx_io
