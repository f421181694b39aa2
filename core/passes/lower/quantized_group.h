#pragma once
// A group of the Q/DQ graph as the integer operators of ONNX want it.
#include <string>

#include "core/base/support.h"
#include "core/passes/quantized.h"

namespace inc::passes {

/// DequantizeLinear → anchor [→ Relu or Clip] → QuantizeLinear, read from the anchor on.
struct QuantizedGroup {
  std::string why_not;  ///< empty: everything below is there
  Quantized x, w, y;    ///< y.data is the output of the QuantizeLinear
};
/// Reads the group of an anchor whose operands are dequantized. The activation must be one that the levels of y imply.
QuantizedGroup quantized_group(const ir::Graph& graph, const ir::Node& anchor);
/// Whether both operands of the anchor are dequantized at all.
bool dequantizes_operands(const ir::Graph& graph, const ir::Node& anchor);

/// The zero point, or a new constant 0 where there is none.
ir::ValueId zero_point_or_new(const ir::Graph& graph, ir::Patch& patch, const Quantized& q, const std::string& name);

/// A weight matrix [K,N] with its scale per tensor or per column: that of a MatMul, or of a Gemm without transA and alpha;
/// a transposed one is transposed where it is constant.
struct QuantizedMatrix {
  std::string why_not;
  Quantized q;
  bool transposed = false;
};
QuantizedMatrix quantized_matrix(const ir::Graph& graph, const ir::Node& anchor);
/// Its data, added to the patch when it must be transposed.
ir::ValueId matrix_data(const ir::Graph& graph, ir::Patch& patch, const QuantizedMatrix& matrix);

/// Of the DynamicQuantizeLinear behind a dequantized operand: {data, scale, zero point}.
std::optional<Quantized> dynamically_quantized(const ir::Graph& graph, ir::ValueId real);
/// The reason for an anchor whose input is quantized otherwise.
std::string taken_at_run_time(const ir::Graph& graph, const ir::Node& anchor);
/// As float the integer product times x_scale and the weight's scales, shaped `scale_shape`; named and typed like anchor's.
ir::ValueId add_scaled(const ir::Graph& graph, ir::Patch& patch, const ir::Node& anchor, ir::NodeSpec product,
                       ir::ValueId x_scale, const ir::Tensor& w_scale);

}  // namespace inc::passes
