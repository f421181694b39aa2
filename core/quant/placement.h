#pragma once
// Where INT8 goes: which nodes may be quantized at all, and which values then carry Q/DQ.
// Decided by operator, constness and ranges, never by names.
#include <string>
#include <vector>

#include "core/base/support.h"
#include "core/quant/quantize.h"

namespace inc::quant {

/// Whether a node of the fused graph may be an INT8 anchor: Conv, MatMul or Gemm (plain or fused) with a constant FP32
/// weight and an FP32 data input that is computed from the graph's inputs. The reason says what is missing.
Support quantizable(const ir::Graph& graph, const ir::Node& node);

/// Anchors in topological order.
std::vector<ir::NodeId> quantizable_nodes(const ir::Graph& graph);

/// Values whose ranges calibration must collect so that every configuration of the anchors can be built.
std::vector<ir::ValueId> values_to_calibrate(const ir::Graph& graph);

struct QdqOptions {
  bool through_pools_and_shapes = true;  ///< MaxPool, AveragePool, Reshape, Transpose, Flatten … between INT8 neighbours
  bool through_add_and_concat = true;    ///< residual operands and Add / Concat whose inputs are INT8 anyway
};

/// F with Q/DQ inserted (ONNX QuantizeLinear / DequantizeLinear nodes, standard meaning):
///   data input of an INT8 anchor:  x → Q → DQ → anchor, one pair per (value, qparams), shared by all its users
///   weight:  s8 constant → DQ(per channel) → anchor;  bias:  s32 constant, scale = x_scale · w_scale → DQ → anchor
///   pass-through operators between INT8 neighbours get Q/DQ of the same qparams on both sides
/// Never on a convolution's output before its fused activation; never on values outside the anchors' surroundings.
/// Nodes keep their names. Anchors keep their NodeId.
ir::Graph insert_qdq(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges, WeightCache& weights,
                     const QdqOptions& options = {});

}  // namespace inc::quant
