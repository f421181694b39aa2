#pragma once
// What fusions know about anchors: Conv, MatMul, Gemm and their inc.* groups.
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"
#include "core/ir/patch.h"

namespace inc::passes {

/// For patterns: "Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm".
#define INC_ANCHORS "Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm"

/// Whether an epilogue may be put behind the node: weights fixed and of a known layout, a Gemm's C a bias, nothing but
/// a bias and (unless `no_residual`) a residual there yet.
Support open_end(const ir::Graph& graph, const ir::Node& anchor, bool no_residual);
/// As open_end without residual, and weights and bias are float32 constants that may be rewritten.
Support foldable(const ir::Graph& graph, const ir::Node& anchor);

std::int64_t channels_of(const ir::Graph& graph, const ir::Node& anchor);  ///< output channels
/// The operand of an element-wise operator after the anchor as one value per output channel; nullopt when it is not a
/// float32 constant, or varies along another axis, or would widen the result.
std::optional<std::vector<float>> per_channel(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId operand);

/// The bias as one float per channel, zeros when there is none; `beta` of a Gemm is applied.
std::vector<float> bias_of(const ir::Graph& graph, const ir::Node& anchor);
/// The weight with each output channel multiplied by its factor.
ir::Tensor scaled_weight(const ir::Graph& graph, const ir::Node& anchor, std::span<const float> factors);

/// Drops missing inputs at the end.
void trim(std::vector<ir::ValueId>& inputs);
/// The node as a group: inc.* operator, four input slots (x, weight, bias, residual). Name kept, output typed as `like`.
ir::NodeSpec grouped(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId like);
/// The node with another constant weight (when given), bias and `input` (when given). Plain operators stay plain where
/// they have a place for the bias; a bias of zeros is not added.
ir::Patch with_parameters(const ir::Graph& graph, const ir::Node& anchor, ir::ValueId replaced, const ir::Tensor* weight,
                          const std::vector<float>& bias, std::string why, ir::ValueId input = {});

}  // namespace inc::passes
