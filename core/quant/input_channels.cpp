#include "core/quant/input_channels.h"

#include "core/ops/ops.h"

namespace inc::quant {
namespace {

const ir::Tensor& weight_of(const ir::Graph& graph, const ir::Node& anchor) {
  return *graph.constant(anchor.input(static_cast<std::size_t>(ops::info(anchor.op).weight_input)));
}

std::optional<InputChannels> of_convolution(const ir::Node& anchor, const ir::Shape& weight) {
  const std::int64_t groups = anchor.attrs.integer("group", 1);
  if (weight.size() < 3 || groups < 1 || weight[0] % groups != 0 || weight[0] < groups) return std::nullopt;
  InputChannels c;
  c.rows = weight[0];
  c.columns = weight[1];
  for (std::size_t i = 2; i < weight.size(); ++i) c.taps *= weight[i];
  c.count = weight[1] * groups;
  c.group_rows = weight[0] / groups;
  c.axis = 1;
  c.broadcast.assign(weight.size(), 1);
  c.broadcast[1] = c.count;
  return c;
}

InputChannels of_gemm(const ir::Node& anchor, const ir::Shape& weight) {
  InputChannels c;
  c.rows_are_outputs = anchor.attrs.integer("transB", 0) != 0;
  c.rows = weight[0];
  c.columns = weight[1];
  c.group_rows = weight[0];
  c.count = c.rows_are_outputs ? weight[1] : weight[0];
  const bool turned = anchor.attrs.integer("transA", 0) != 0;
  c.axis = turned ? 0 : 1;
  c.broadcast = turned ? ir::Shape{c.count, 1} : ir::Shape{c.count};
  return c;
}

InputChannels of_matmul(const ir::TensorType& data, const ir::Shape& weight) {
  InputChannels c;
  c.rows_are_outputs = false;
  c.rows = weight[weight.size() - 2];
  c.columns = weight.back();
  for (std::size_t i = 0; i + 2 < weight.size(); ++i) c.outer *= weight[i];
  c.count = c.rows;
  c.axis = data.dims && !data.dims->empty() ? static_cast<int>(data.dims->size()) - 1 : -1;
  c.broadcast = {c.count};
  return c;
}

}  // namespace

std::optional<InputChannels> input_channels(const ir::Graph& graph, const ir::Node& anchor) {
  const ir::Shape& weight = weight_of(graph, anchor).shape();
  const std::string type = ops::reported_type(anchor);
  if (type == "Conv") return of_convolution(anchor, weight);
  if (weight.size() < 2 || (type == "Gemm" && weight.size() != 2)) return std::nullopt;
  return type == "Gemm" ? of_gemm(anchor, weight) : of_matmul(graph.value(anchor.input(0)).type, weight);
}

bool is_depthwise(const ir::Graph& graph, const ir::Node& anchor) {
  return ops::reported_type(anchor) == "Conv" && anchor.attrs.integer("group", 1) > 1 &&
         weight_of(graph, anchor).shape()[1] == 1 && input_channels(graph, anchor).has_value();
}

ir::Tensor scale_inputs(const ir::Tensor& weight, const InputChannels& channels, std::span<const float> factor) {
  ir::Tensor out(DType::Float, weight.shape());
  const ir::Tensor held = weight.at_hand();
  const float* from = held.data<float>();
  float* to = out.mutable_data<float>();
  for_each_weight(channels, [&](std::int64_t channel, std::int64_t, std::int64_t i) {
    to[i] = from[i] * factor[static_cast<std::size_t>(channel)];
  });
  return out;
}

}  // namespace inc::quant
