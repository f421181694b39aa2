#pragma once
// Reading through operators that only move data: a value as strides over another one.
#include <functional>
#include <optional>
#include <vector>

#include "adaptors/onednn/builder.h"

namespace inc::onednn {

/// One axis of a view: a mixed-radix number whose digits step through memory, the outermost first.
struct ViewAxis {
  struct Digit {
    std::int64_t size, stride;
  };
  std::vector<Digit> digits;
};

/// Element (i, j, …) is at `offset` + the steps of all digits in `source`, which is row-major.
struct View {
  ir::ValueId source;
  std::int64_t offset = 0;
  std::vector<ViewAxis> axes;
  std::vector<ir::NodeId> through;  ///< nodes between, the nearest first
};

/// Goes back through Transpose, Reshape, Squeeze, Unsqueeze, Flatten, Identity and Expand as far as `may_pass` of their
/// nodes allows; for 8-bit values also where they stand between a DequantizeLinear and a QuantizeLinear of one scale.
View view_through(const Builder& builder, ir::ValueId value, const std::function<bool(const ir::Node&)>& may_pass);

/// The axes of a value of shape `from` that is repeated to shape `to`.
std::vector<ViewAxis> broadcast(const std::vector<ViewAxis>& axes, const ir::Shape& from, const ir::Shape& to);

/// The stride of an axis when one number describes it (0 for an axis of one element).
std::optional<std::int64_t> stride_of(const ViewAxis& axis);

/// Where the matrices of the last two axes begin, in row-major order of the leading axes.
std::vector<std::int64_t> matrices_of(const View& view);

}  // namespace inc::onednn
