#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <unordered_map>

#include "core/ops/families.h"
#include "core/ops/ops.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

std::vector<OpInfo> all_rows() {
  std::vector<OpInfo> rows;
  for (const auto family : {elementwise_rows(), reduce_rows(), normalize_rows(), movement_rows(), shape_rows(),
                            linear_rows(), pool_rows(), quantization_rows()})
    rows.insert(rows.end(), family.begin(), family.end());
  return rows;
}

std::string place(const ir::Node& node) {
  return fmt::format("in node '{}' of type {}", node.name, node.op);
}

void check_arity(const OpInfo& row, std::size_t count) {
  const auto n = static_cast<int>(count);
  if (n < row.min_inputs || n > row.max_inputs)
    throw ModelError(fmt::format("{} inputs found, expected {} to {}", n, row.min_inputs, row.max_inputs));
}

const OpInfo& checked_row(const ir::Node& node, std::size_t inputs, std::int64_t opset) {
  const OpInfo& row = info(node.op);
  check_arity(row, inputs);
  if (row.supports != nullptr)
    if (const Support s = row.supports(node, opset); !s) throw UnsupportedError(s.why_not());
  return row;
}

/// What a tensor can have (see ir::Tensor): engines plan with shapes before there is one.
void require_possible(const ir::Shape& shape) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 40;
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) throw ModelError(fmt::format("result {} found, expected dimensions of at least 0", to_string(shape)));
    if (dim > 0 && count > kMostElements / dim)
      throw ModelError(fmt::format("result {} has too many elements", to_string(shape)));
    count *= dim;
  }
}

std::vector<OutputSpec> infer_row(const OpInfo& row, const ir::Node& node, std::span<const Spec> inputs,
                                  std::int64_t opset) {
  const std::size_t required = row.max_inputs == kAnyNumber ? inputs.size() : static_cast<std::size_t>(row.min_inputs);
  for (std::size_t i = 0; i < required; ++i)
    if (!inputs[i].present) throw ModelError(fmt::format("required input {} is left out", i));
  auto outputs = row.infer({node.attrs, inputs, opset, node.outputs.size()});
  if (outputs.size() < node.outputs.size())
    throw ModelError(fmt::format("{} outputs wanted, at most {} exist", node.outputs.size(), outputs.size()));
  for (const OutputSpec& output : outputs) require_possible(output.shape);
  return outputs;
}

std::vector<Spec> specs_of(std::span<const ir::Tensor> inputs) {
  std::vector<Spec> specs;
  for (const auto& input : inputs)
    specs.push_back({input.dtype(), input.shape(), input.defined() ? &input : nullptr, input.defined()});
  return specs;
}

std::vector<ir::Tensor> run_row(const OpInfo& row, const ir::Node& node, std::span<const ir::Tensor> inputs,
                                std::int64_t opset) {
  std::vector<ir::Tensor> outputs;
  for (const auto& spec : infer_row(row, node, specs_of(inputs), opset)) outputs.emplace_back(spec.dtype, spec.shape);
  row.eval({node.attrs, inputs, opset, outputs});
  outputs.resize(node.outputs.size());
  return outputs;
}

bool is_bf16(const ir::Tensor& tensor) {
  return tensor.defined() && tensor.dtype() == DType::BFloat16;
}

bool rounds_to_bf16(const OpInfo& row, const ir::Node& node, std::span<const ir::Tensor> inputs, std::int64_t opset) {
  if (std::none_of(inputs.begin(), inputs.end(), is_bf16)) return false;
  const auto specs = infer_row(row, node, specs_of(inputs), opset);
  return std::any_of(specs.begin(), specs.end(), [](const OutputSpec& s) { return s.dtype == DType::BFloat16; });
}

/// BF16 inputs as FP32, the operator in FP32, its results rounded once.
std::vector<ir::Tensor> run_wide(const OpInfo& row, const ir::Node& node, std::span<const ir::Tensor> inputs,
                                 std::int64_t opset) {
  const auto specs = infer_row(row, node, specs_of(inputs), opset);
  std::vector<ir::Tensor> widened(inputs.begin(), inputs.end());
  for (ir::Tensor& input : widened)
    if (is_bf16(input)) input = cast(input, DType::Float);
  std::vector<ir::Tensor> outputs = run_row(row, node, widened, opset);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].dtype() != specs[i].dtype) outputs[i] = cast(outputs[i], specs[i].dtype);
  return outputs;
}

}  // namespace

std::span<const OpInfo> table() noexcept {
  static const std::vector<OpInfo> rows = all_rows();
  return rows;
}

const OpInfo* find(std::string_view op) noexcept {
  static const auto index = [] {
    std::unordered_map<std::string_view, const OpInfo*> map;
    for (const auto& row : table()) map.emplace(row.name, &row);
    return map;
  }();
  const auto it = index.find(op);
  return it == index.end() ? nullptr : it->second;
}

const OpInfo& info(std::string_view op) {
  if (const auto* row = find(op)) return *row;
  throw UnsupportedError(fmt::format("operator type {} is not supported", op));
}

std::string reported_type(const ir::Node& node) {
  const auto* row = find(node.op);
  return std::string(row == nullptr || row->report_as.empty() ? std::string_view(node.op) : row->report_as);
}

int weight_axis(const ir::Graph& graph, const ir::Node& node) {
  const OpInfo& row = info(node.op);
  if (row.channel_axis >= 0) return row.channel_axis;
  INC_CHECK(row.weight_input >= 0, "the operator has a weight");
  const int rank = graph.value(node.input(static_cast<std::size_t>(row.weight_input))).type.rank();
  if (rank < 1) throw ModelError(fmt::format("weight of node '{}' has no output-channel axis: rank {}", node.name, rank));
  return node.attrs.integer("transB", 0) != 0 ? 0 : rank - 1;
}

std::vector<OutputSpec> infer(const ir::Node& node, std::span<const Spec> inputs, std::int64_t opset) {
  return with_context([&] { return place(node); },
                      [&] { return infer_row(checked_row(node, inputs.size(), opset), node, inputs, opset); });
}

std::vector<ir::Tensor> evaluate(const ir::Node& node, std::span<const ir::Tensor> inputs, std::int64_t opset) {
  return with_context([&] { return place(node); },
                      [&] {
                        const OpInfo& row = checked_row(node, inputs.size(), opset);
                        try {
                          return rounds_to_bf16(row, node, inputs, opset) ? run_wide(row, node, inputs, opset)
                                                                          : run_row(row, node, inputs, opset);
                        } catch (const std::bad_alloc&) {
                          throw BackendError("out of memory");
                        }
                      });
}

Epilogue epilogue(const ir::Node& node) {
  return {node.attrs.text("activation", "none"), node.attrs.real("activation_alpha"), node.attrs.real("activation_beta"),
          node.input(3)};
}

float activate(const Epilogue& e, float x) noexcept {
  const std::string_view a = e.activation;
  const auto clamp01 = [](double v) { return v < 0 ? 0.0 : v > 1 ? 1.0 : v; };
  const double d = x;
  if (a == "none") return x;
  if (a == "relu") return x < 0 ? 0 : x;
  if (a == "clip") return x < e.alpha ? e.alpha : x > e.beta ? e.beta : x;
  if (a == "sigmoid") return static_cast<float>(1 / (1 + std::exp(-d)));
  if (a == "tanh") return static_cast<float>(std::tanh(d));
  if (a == "gelu") return static_cast<float>(0.5 * d * (1 + std::erf(d * M_SQRT1_2)));
  if (a == "gelu_tanh")
    return static_cast<float>(0.5 * d * (1 + std::tanh(0.7978845608028654 * (d + 0.044715 * d * d * d))));
  if (a == "silu") return static_cast<float>(d / (1 + std::exp(-d)));
  if (a == "hardswish") return static_cast<float>(d * clamp01(d / 6 + 0.5));
  if (a == "hardsigmoid") return static_cast<float>(clamp01(static_cast<double>(e.alpha) * d + static_cast<double>(e.beta)));
  if (a == "leaky_relu") return x < 0 ? e.alpha * x : x;
  return x;
}

}  // namespace inc::ops
