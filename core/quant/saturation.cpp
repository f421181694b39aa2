#include "core/quant/saturation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/ir/patch.h"
#include "core/ops/ops.h"
#include "core/quant/pairs.h"

namespace inc::quant {
namespace {

constexpr std::size_t kData = 0, kWeight = 1, kResidual = 3, kScale = 1, kZero = 2;

const ir::Node* dequantize(const ir::Graph& graph, ir::ValueId value) {
  const ir::Node* node = value.none() ? nullptr : graph.producer(value);
  return node != nullptr && node->op == "DequantizeLinear" ? node : nullptr;
}

bool is_8bit(DType dtype) {
  return dtype == DType::UInt8 || dtype == DType::Int8;
}

/// An anchor between two DequantizeLinear.
struct Int8Anchor {
  const ir::Node& node;
  const ir::Node &data, &weight;
  const ir::Tensor& q;
};

std::optional<Int8Anchor> int8_anchor(const ir::Graph& graph, const ir::Node& node) {
  const ops::OpInfo* row = ops::find(node.op);
  if (row == nullptr || row->quant != ops::QuantRole::Anchor) return std::nullopt;
  const ir::Node *data = dequantize(graph, node.input(kData)), *weight = dequantize(graph, node.input(kWeight));
  if (data == nullptr || weight == nullptr || !is_8bit(graph.value(data->inputs[0]).type.dtype)) return std::nullopt;
  const ir::Tensor* q = graph.constant(weight->inputs[0]);
  if (q == nullptr || !is_8bit(q->dtype()) || q->rank() < 2) return std::nullopt;
  return Int8Anchor{node, *data, *weight, *q};
}

const ir::Tensor* single(const ir::Graph& graph, ir::ValueId value) {
  const ir::Tensor* t = graph.constant(value);
  return t != nullptr && t->count() == 1 ? t : nullptr;
}

/// The largest value behind an activation of limited range; nothing where it has none.
std::optional<float> upper_bound(const ir::Graph& graph, ir::ValueId value) {
  const ir::Node* node = graph.producer(value);
  if (node == nullptr) return std::nullopt;
  if (node->op == "Sigmoid" || node->op == "HardSigmoid" || node->op == "Softmax" || node->op == "Tanh") return 1.0f;
  if (node->op == "Clip") {
    const ir::Tensor* high = single(graph, node->input(2));
    return high != nullptr ? std::optional(high->to_floats()[0]) : std::nullopt;
  }
  if (!node->op.starts_with("inc.") || node->op == "inc.PairLoss") return std::nullopt;
  const ops::Epilogue e = ops::epilogue(*node);
  if (e.activation == "clip") return e.beta;
  if (e.activation == "sigmoid" || e.activation == "tanh" || e.activation == "hardsigmoid") return 1.0f;
  return std::nullopt;
}

int highest_input(const ir::Graph& graph, const ir::Node& data) {
  const ir::Node* quantize = graph.producer(data.inputs[0]);
  if (quantize == nullptr || quantize->op != "QuantizeLinear") return 255;
  const auto bound = upper_bound(graph, quantize->inputs[0]);
  const ir::Tensor* scale = single(graph, quantize->input(kScale));
  const ir::Tensor* zero = single(graph, quantize->input(kZero));
  if (!bound || scale == nullptr || !(scale->to_floats()[0] > 0)) return 255;
  const bool shifted = graph.value(data.inputs[0]).type.dtype == DType::Int8;
  const double level = std::nearbyint(static_cast<double>(*bound) / static_cast<double>(scale->to_floats()[0])) +
                       (zero != nullptr ? static_cast<double>(zero->to_int64s()[0]) : 0.0) + (shifted ? 128.0 : 0.0);
  return std::isfinite(level) ? static_cast<int>(std::clamp(level, 0.0, 255.0)) : 255;
}

SaturationRow row_of(const ir::Graph& graph, const Int8Anchor& anchor) {
  SaturationRow row{anchor.node.id, anchor.node.name, ops::reported_type(anchor.node), 0, 0, 0, 255, {}};
  row.highest_input = highest_input(graph, anchor.data);
  if (anchor.q.dtype() != DType::Int8) {
    row.note = "u8 weights are widened before they are multiplied";
    return row;
  }
  const PairOrder order = pair_order(anchor.node, anchor.q.shape());
  if (order == PairOrder::None) {
    row.note = "depthwise kernels widen before they add";
    return row;
  }
  const std::int8_t* w = anchor.q.data<std::int8_t>();
  for_each_pair(anchor.q.shape(), order, [&](std::int64_t i, std::int64_t j) {
    ++row.pairs;
    const int high = row.highest_input * (std::max<int>(w[i], 0) + std::max<int>(w[j], 0));
    const int low = row.highest_input * (std::min<int>(w[i], 0) + std::min<int>(w[j], 0));
    const int sum = high > -low ? high : low;
    if (std::abs(sum) > std::abs(row.worst_sum)) row.worst_sum = sum;
    if (ops::pair_loss(sum) != 0) ++row.at_risk;
  });
  return row;
}

std::string_view layout_of(const ir::Node& anchor) {
  const std::string type = ops::reported_type(anchor);
  return type == "Conv" ? "conv" : type == "Gemm" ? "gemm" : "matmul";
}

/// Why the loss of an anchor cannot be computed.
Support computable(const ir::Graph& graph, const Int8Anchor& a) {
  if (a.q.rank() != 2 && layout_of(a.node) != "conv") return Support::no("its weight has more than two dimensions");
  const ir::ValueId scale = a.data.input(kScale);
  const auto shape = graph.value(scale).type.concrete();
  if (!shape || ir::element_count(*shape) != 1) return Support::no("its data has more than one scale");
  const ir::Tensor* w_scale = graph.constant(a.weight.input(kScale));
  if (w_scale == nullptr || a.weight.attrs.integer("block_size", 0) != 0) return Support::no("its weight scales vary");
  if (w_scale->count() == 1) return Support::yes();
  const std::int64_t axis = a.weight.attrs.integer("axis", 1), rank = a.q.rank();
  const std::int64_t outputs =
      layout_of(a.node) == "conv" || (layout_of(a.node) == "gemm" && a.node.attrs.integer("transB", 0) != 0) ? 0 : rank - 1;
  if ((axis < 0 ? axis + rank : axis) != outputs)
    return Support::no("its weight scales do not run along the output channels");
  return Support::yes();
}

}  // namespace

std::vector<SaturationRow> saturation_report(const ir::Graph& graph) {
  std::vector<SaturationRow> rows;
  for (const ir::NodeId id : graph.topological_order())
    if (const auto anchor = int8_anchor(graph, graph.node(id))) rows.push_back(row_of(graph, *anchor));
  return rows;
}

std::string describe(const std::vector<SaturationRow>& report) {
  constexpr std::size_t kNamed = 3;
  std::vector<const SaturationRow*> risky;
  for (const SaturationRow& row : report)
    if (row.at_risk > 0) risky.push_back(&row);
  if (risky.empty()) return {};
  std::sort(risky.begin(), risky.end(), [](const auto* a, const auto* b) { return a->at_risk > b->at_risk; });
  std::string text =
      fmt::format("{} of {} INT8 operators can saturate on a CPU without VNNI: ", risky.size(), report.size());
  for (std::size_t i = 0; i < std::min(kNamed, risky.size()); ++i)
    text += fmt::format("{}'{}' ({}, {} of {} pairs)", i == 0 ? "" : ", ", risky[i]->name, risky[i]->op_type,
                        risky[i]->at_risk, risky[i]->pairs);
  return risky.size() > kNamed ? text + ", …" : text;
}

Saturating with_saturation(const ir::Graph& graph) {
  ir::Patch patch(graph, "saturate pairs at int16");
  Saturating out{graph, {}};
  for (const SaturationRow& row : saturation_report(graph)) {
    if (row.at_risk == 0) continue;
    const ir::Node& node = graph.node(row.node);
    const Int8Anchor a = *int8_anchor(graph, node);
    if (const Support s = computable(graph, a); !s)
      throw UnsupportedError(
          fmt::format("node '{}' ({}): its saturation cannot be computed: {}", node.name, node.op, s.why_not()));
    ir::Attrs attrs = node.attrs;
    attrs.set("layout", std::string(layout_of(node)));
    const ir::TensorType type = graph.value(node.outputs[0]).type;
    const ir::ValueId loss = patch.add_node(
        {"inc.PairLoss",
         {a.data.inputs[0], a.data.input(kScale), a.weight.inputs[0], a.weight.input(kScale), a.data.input(kZero)},
         attrs,
         node.name + "_pair_loss",
         {type},
         {}})[0];
    ir::ValueId added = loss;
    const ir::ValueId residual = node.op.starts_with("inc.") ? node.input(kResidual) : ir::ValueId{};
    if (!residual.none())
      added = patch.add_node({"Add", {residual, loss}, {}, node.name + "_pair_loss_residual", {type}, {}})[0];
    patch.become(node.id, "inc." + ops::reported_type(node), kResidual + 1);
    patch.replace_input(node.id, kResidual, added);
    out.losses.emplace_back(node.id, loss);
  }
  if (!patch.empty()) out.graph.apply(patch);
  return out;
}

}  // namespace inc::quant
