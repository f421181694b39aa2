#pragma once
// INT8 on a CPU without VNNI: which operators lose by the saturation of pairs at int16, and the graph as it runs there.
// Assumed of engines: u8 activations are multiplied as they are, s8 ones shifted by 128 to u8; weights of s8 go through
// vpmaddubsw in pairs (pairs.h), weights of u8 are widened before they are multiplied and never saturate; depthwise
// convolutions neither.
#include <cstdint>
#include <string>
#include <vector>

#include "core/ops/pair_sum.h"
#include "core/quant/quantize.h"

namespace inc::quant {

/// An INT8 anchor: data and weight both come from a DequantizeLinear, the weight from a constant.
struct SaturationRow {
  ir::NodeId node;
  std::string name, op_type;
  std::int64_t pairs = 0;    ///< neighbours, counted in each of the packings of pairs.h
  std::int64_t at_risk = 0;  ///< those whose products can leave int16 for some activations
  int worst_sum = 0;         ///< of the greatest magnitude among all pairs, before saturation
  int highest_input = 255;   ///< the largest u8 that the activation before the quantization lets through
  std::string note;          ///< why nothing is known of it, or why it never saturates; empty otherwise
  bool operator==(const SaturationRow&) const = default;
};

/// Every INT8 anchor of a Q/DQ graph (own or imported, static or dynamic, plain or fused), in topological order, by its
/// weights alone: for the worst activations that type and activation function allow. A sum fits into int16 from -32768 to
/// 32767.
std::vector<SaturationRow> saturation_report(const ir::Graph& graph);

/// "3 of 26 INT8 operators can saturate on a CPU without VNNI: 'a' (Conv, 12 pairs), …"; empty where none can.
std::string describe(const std::vector<SaturationRow>& report);

/// The graph with the arithmetic of a CPU without VNNI: an inc.PairLoss node for every anchor that can saturate, whose
/// result is added before its activation. Pairs are those of an im2col with channels innermost. Anchors keep their ids; a
/// graph without risk is returned as it is.
struct Saturating {
  ir::Graph graph;
  std::vector<std::pair<ir::NodeId, ir::ValueId>> losses;  ///< anchor → what saturation adds to its sums, FP32
};
Saturating with_saturation(const ir::Graph& graph);

}  // namespace inc::quant
