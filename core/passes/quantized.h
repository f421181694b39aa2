#pragma once
// What rules know of 8-bit data: where it was quantized, and the nodes that take it to floats and back.
#include <optional>
#include <string>
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"
#include "core/ir/patch.h"

namespace inc::passes {

/// real = scale * (data - zero_point), as values of the graph; zero_point may be none, and is 0 then.
struct Quantized {
  ir::ValueId data, scale, zero_point;
  std::int64_t axis = 1;  ///< of scales and zero points with more than one element
};

/// Of the DequantizeLinear that makes the value; nullopt when another operator does, or with blocks along the axis.
std::optional<Quantized> dequantized_from(const ir::Graph& graph, ir::ValueId real);
/// Of the QuantizeLinear that makes the value, with `data` the value itself.
std::optional<Quantized> quantized_by(const ir::Graph& graph, ir::ValueId data);

/// One constant float scale, one constant zero point or none.
bool per_tensor(const ir::Graph& graph, const Quantized& q);
/// Equal element types and equal constant parameters per tensor.
bool same_levels(const ir::Graph& graph, const Quantized& a, const Quantized& b);
/// The scale is a constant of one element, or of one per index of `axis`; the zero point likewise.
bool per_channel(const ir::Graph& graph, const Quantized& q, std::int64_t axis);

/// The zero points, one or one per channel; {0} when there are none. Constants only.
std::vector<std::int64_t> zero_points(const ir::Graph& graph, const Quantized& q);
/// A zero of the integer type, as a scalar.
ir::Tensor zero_of(DType dtype);

/// DequantizeLinear of `q`, added to the patch.
ir::ValueId add_dequantize(const ir::Graph& graph, ir::Patch& patch, const Quantized& q, const std::string& name);

/// Operators that move elements, so that 8-bit data may pass as it is; for patterns.
#define INC_MOVEMENTS                                                                                                       \
  "MaxPool|GlobalMaxPool|Reshape|Flatten|Transpose|Squeeze|Unsqueeze|Slice|Gather|Expand|DepthToSpace|SpaceToDepth|Concat|" \
  "Pad|Resize"
/// Whether this form of one of them does, and the inputs that hold data.
Support moves_only(const ir::Graph& graph, const ir::Node& node);
std::vector<std::size_t> moved_inputs(const ir::Node& node);

/// The elements of a constant, or of the DequantizeLinear of constants; undefined for anything else.
ir::Tensor fixed_value(const ir::Graph& graph, ir::ValueId id);

}  // namespace inc::passes
