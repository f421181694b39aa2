#pragma once
// Where INT8 goes: which nodes may be quantized at all, and which values then carry Q/DQ.
// Decided by operator, constness and ranges, never by names.
#include <set>
#include <string>
#include <vector>

#include "core/base/support.h"
#include "core/quant/accepts.h"
#include "core/quant/quantize.h"

namespace inc::quant {

/// Whether a node of the fused graph may be an INT8 anchor: Conv, MatMul or Gemm (plain or fused) with a constant FP32
/// weight and an FP32 data input that is computed from the graph's inputs. The reason says what is missing.
Support quantizable(const ir::Graph& graph, const ir::Node& node);

/// Anchors in topological order.
std::vector<ir::NodeId> quantizable_nodes(const ir::Graph& graph);

/// Anchors: the inputs of anchors and what lies between them. Everywhere: also the inputs and outputs of operators that take
/// quantized operands or stand next to an anchor (Add, Mul, Concat, Softmax, …), constants and masks among them, as
/// onnxruntime does by default. Nothing is faster for it here; it shows what placement is worth.
enum class Placement : std::uint8_t { Anchors, Everywhere };

/// What Everywhere adds: in order of creation, each value once. Float values that are no outputs of the graph.
std::vector<ir::ValueId> values_beside_anchors(const ir::Graph& graph);

/// A value whose ranges calibration must collect.
struct Watched {
  ir::ValueId value;
  /// The axis that its INT8 users treat as input channels (Conv 1, MatMul and Gemm the one that is summed over), counted
  /// from the front; -1 where they disagree, where the rank is unknown, and for what only an averaging pool reads.
  int channel_axis = -1;
  auto operator<=>(const Watched&) const = default;
};

/// What calibration must watch so that every configuration of the anchors can be built: the anchors' data inputs, and the
/// inputs of averaging pools before them; q, k and v of the attentions with these contexts; with Everywhere, its values that
/// are not constant. In order of creation, each value once.
std::vector<Watched> values_to_calibrate(const ir::Graph& graph, Placement placement = Placement::Anchors,
                                         const std::set<ir::NodeId>& attentions = {});

/// How far Q/DQ spread from the anchors' inputs. The first two change no result: the values written there are exactly
/// those that the anchor's own Q/DQ would make. The last two cost a rounding each.
struct QdqOptions {
  bool through_movement = true;   ///< MaxPool, Reshape, Transpose, Flatten, … between an INT8 anchor and its INT8 users
  bool through_concat = true;     ///< Concat of INT8 anchors' results for INT8 users: all with the qparams of the result
  bool through_averages = true;   ///< AveragePool, GlobalAveragePool between INT8 neighbours: their input on its own range
  bool through_residuals = true;  ///< residual operands of INT8 convolutions that are quantized for another anchor anyway
  /// Channel factors move into the parameters of the producer where it takes them (fold_factors.h). The values between are
  /// then 1 / factor of those of the fused graph: who compares taps switches this off.
  bool fold_factors = true;
  Placement placement = Placement::Anchors;
};

/// F with Q/DQ inserted (ONNX QuantizeLinear / DequantizeLinear nodes, standard meaning):
///   data input of an INT8 anchor:  x → Q → DQ → anchor, one pair per (value, qparams), shared by all its users
///     with channel factors (factors.h):  x → Mul(1 / factor) → Q → DQ → anchor with weights times factor
///     dynamic:  x → DynamicQuantizeLinear → DQ → anchor; its bias stays FP32
///   weight:  s8 constant → DQ(per channel) → anchor
///   bias:    s32 constant, scale = x_scale · w_scale → DQ → anchor; it stays FP32 where a Gemm scales it (alpha, beta ≠ 1)
///            or where it is not one number per output channel. A weight scale is widened where the bias would not fit.
///            config.bias_shift is added before: an anchor without a bias gets one (MatMul → inc.MatMul), a Gemm's C of
///            another shape takes it in FP32, divided by beta; a computed bias, and that of a Gemm with beta = 0, takes
///            none.
///   attention named by an INT8 context: q, k, v → Q → DQ; probabilities stay as they are: steps of 1 / 255 would lose what
///            many small ones add up to
///   pass-through operators between INT8 neighbours as QdqOptions say
/// Never on a convolution's output before its fused activation; never on values outside the anchors' surroundings unless the
/// placement says so.
/// Nodes keep their names. Anchors keep their NodeId. Throws InternalError when a range is missing, ConfigError for a
/// scheme that cannot be carried out.
ir::Graph insert_qdq(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges, WeightCache& weights,
                     const QdqOptions& options = {});

}  // namespace inc::quant
