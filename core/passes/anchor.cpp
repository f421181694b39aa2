#include "core/passes/anchor.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ops/ops.h"
#include "core/passes/facts.h"

namespace inc::passes {
namespace {

bool is_gemm(const ir::Node& node) {
  return node.op == "Gemm" || node.op == "inc.Gemm";
}
bool is_conv(const ir::Node& node) {
  return node.op == "Conv" || node.op == "inc.Conv";
}
bool is_float_constant(const ir::Graph& graph, ir::ValueId id) {
  const ir::Tensor* tensor = graph.constant(id);
  return tensor && tensor->dtype() == DType::Float;
}
bool is_bias(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId id) {
  if (id.none()) return true;
  const auto shape = graph.value(id).type.concrete();
  if (!is_fixed(graph, id) || !shape || shape->empty()) return false;
  return shape->back() == channels_of(graph, anchor) && ir::element_count(*shape) == shape->back();
}

}  // namespace

Support open_end(const ir::Graph& graph, const ir::Node& anchor, bool no_residual) {
  const ir::ValueId weight = anchor.input(1);
  if (!is_fixed(graph, weight)) return Support::no(fmt::format("the weight of '{}' is not constant", anchor.name));
  const auto shape = graph.value(weight).type.concrete();
  if (!shape || shape->size() < 2) return Support::no(fmt::format("the weight of '{}' has no channel axis", anchor.name));
  if (anchor.attrs.text("activation", "none") != "none")
    return Support::no(fmt::format("'{}' already ends in {}", anchor.name, anchor.attrs.text("activation")));
  if (no_residual && !anchor.input(3).none()) return Support::no(fmt::format("'{}' already adds a residual", anchor.name));
  if (!is_bias(graph, anchor, anchor.input(2)) && !(is_gemm(anchor) && scalar(graph, anchor.input(2))))
    return Support::no(fmt::format("{} of '{}' is not a constant vector of one value per output channel",
                                   is_gemm(anchor) ? "input C" : "the bias", anchor.name));
  return Support::yes();
}

Support foldable(const ir::Graph& graph, const ir::Node& anchor) {
  if (Support open = open_end(graph, anchor, true); !open) return open;
  if (!is_float_constant(graph, anchor.input(1)))
    return Support::no(fmt::format("the weight of '{}' is not a float32 constant", anchor.name));
  if (!anchor.input(2).none() && !is_float_constant(graph, anchor.input(2)))
    return Support::no(fmt::format("the bias of '{}' is not a float32 constant", anchor.name));
  return Support::yes();
}

std::int64_t channels_of(const ir::Graph& graph, const ir::Node& anchor) {
  const auto& dims = *graph.value(anchor.inputs[1]).type.dims;
  return dims.at(static_cast<std::size_t>(ops::weight_axis(graph, anchor))).value;
}

std::optional<std::vector<float>> per_channel(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId operand) {
  if (!is_float_constant(graph, operand)) return std::nullopt;
  const ir::Tensor& tensor = *graph.constant(operand);
  const int rank = is_conv(anchor) ? graph.value(anchor.inputs[1]).type.rank() : graph.value(anchor.outputs[0]).type.rank();
  if (tensor.rank() > std::max(rank, 1)) return std::nullopt;
  const int axis = is_conv(anchor) ? 1 - rank : -1;
  const std::int64_t channels = channels_of(graph, anchor);
  for (int i = 1; i <= tensor.rank(); ++i) {
    const std::int64_t dim = tensor.shape()[static_cast<std::size_t>(tensor.rank() - i)];
    if (dim != 1 && !(-i == axis && dim == channels)) return std::nullopt;
  }
  std::vector<float> values = tensor.to_floats();
  values.resize(static_cast<std::size_t>(channels), values.at(0));
  return values;
}

std::vector<float> bias_of(const ir::Graph& graph, const ir::Node& anchor) {
  const auto channels = static_cast<std::size_t>(channels_of(graph, anchor));
  if (anchor.input(2).none()) return std::vector<float>(channels, 0.0f);
  std::vector<float> values = graph.constant(anchor.inputs[2])->to_floats();
  values.resize(channels, values.at(0));
  if (is_gemm(anchor))
    for (float& v : values) v *= anchor.attrs.real("beta", 1.0f);
  return values;
}

ir::Tensor scaled_weight(const ir::Graph& graph, const ir::Node& anchor, std::span<const float> factors) {
  const ir::Tensor weight = graph.constant(anchor.inputs[1])->at_hand();
  const auto axis = static_cast<std::size_t>(ops::weight_axis(graph, anchor));
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < weight.shape().size(); ++i) inner *= weight.shape()[i];
  ir::Tensor result(DType::Float, weight.shape());
  const float* from = weight.data<float>();
  float* to = result.mutable_data<float>();
  const std::int64_t count = weight.count();
  for (std::int64_t row = 0; row * inner < count; ++row) {
    const float factor = factors[static_cast<std::size_t>(row) % factors.size()];
    for (std::int64_t i = 0; i < inner; ++i) *to++ = *from++ * factor;
  }
  return result;
}

void trim(std::vector<ir::ValueId>& inputs) {
  while (!inputs.empty() && inputs.back().none()) inputs.pop_back();
}

ir::NodeSpec grouped(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId like) {
  ir::NodeSpec spec{anchor.op, anchor.inputs, anchor.attrs, anchor.name, {graph.value(like).type}, {}};
  if (!spec.op.starts_with("inc.")) spec.op = "inc." + spec.op;
  spec.inputs.resize(4);
  return spec;
}

ir::Patch with_parameters(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId replaced, const ir::Tensor* weight,
                          const std::vector<float>& bias, std::string why, ir::ValueId input) {
  ir::Patch patch(graph, std::move(why));
  ir::NodeSpec spec{anchor.op, anchor.inputs, anchor.attrs, anchor.name, {graph.value(replaced).type}, {}};
  if (is_gemm(anchor)) spec.attrs.erase("beta");
  spec.inputs.resize(std::max<std::size_t>(spec.inputs.size(), 3));
  if (!input.none()) spec.inputs[0] = input;
  if (weight) spec.inputs[1] = patch.add_constant(graph.value(anchor.inputs[1]).name, *weight);
  const bool has_bias = !anchor.input(2).none();
  if (has_bias || std::any_of(bias.begin(), bias.end(), [](float v) { return v != 0.0f; })) {
    if (spec.op == "MatMul") spec.op = "inc.MatMul";
    const std::string name = has_bias ? graph.value(anchor.input(2)).name : anchor.name + "_bias";
    spec.inputs[2] = patch.add_constant(name, ir::Tensor::of<float>({static_cast<std::int64_t>(bias.size())}, bias));
  }
  trim(spec.inputs);
  patch.replace(replaced, patch.add_node(std::move(spec))[0]);
  return patch;
}

}  // namespace inc::passes
