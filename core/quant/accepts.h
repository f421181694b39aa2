#pragma once
// Which configurations an anchor can carry out, and which one it starts from.
#include "core/base/support.h"
#include "core/ir/graph.h"
#include "core/quant/scheme.h"

namespace inc::quant {

/// Whether insert_qdq can carry out the configuration for the node, and would not do the same as with a simpler one:
///   weights are s8 symmetric; activations u8 or s8
///   activations per channel: only the input of a depthwise convolution (one input channel per group), without smoothing
///   smoothing: static ranges; SmoothQuant not on depthwise convolutions, alpha 0..1 or automatic; Equalize where the
///              producer can take the factor (a homogeneous anchor whose output has no other users)
///   dynamic: u8 asymmetric per tensor, which is all that DynamicQuantizeLinear does
/// The context of an attention (attention.h) stands for the whole: static ranges, per tensor, without smoothing.
/// Precisions other than INT8: yes, they are not decided here.
Support accepts(const ir::Graph& fused, const ir::Node& node, const OpConfig& config);

/// Static INT8 with the default schemes; depthwise convolutions read their input per channel.
OpConfig default_op_config(const ir::Graph& fused, const ir::Node& node);

}  // namespace inc::quant
