#pragma once
// Groups around convolutions whose activation only cuts, for kernels that take constants per output channel.
#include <limits>
#include <optional>
#include <vector>

#include "adaptors/onednn/linear.h"

namespace inc::onednn {

/// t = sum * scale + shift is the group's result before its activation, in steps of the output's scale; the activation
/// becomes bounds of t.
struct BoundedChannels {
  std::vector<float> scale, shift, low, high;
};

/// The activation of a group on results that are not in 8 bits: min(max(t, low), high), and t * slope where t is negative.
struct Bounds {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity(), slope = 1;
  bool apart = false;  ///< the activation is a step of its own, and nothing is cut
};
/// Nothing for activations that neither cut nor bend nor are a step of their own.
std::optional<Bounds> real_bounds(const Anchor& anchor, Arithmetic arithmetic);

/// The slot of `count` biases of a group whose bias is none or known: zeros where it has none.
int bias_or_zeros(Builder& builder, const Anchor& anchor, std::int64_t count);

/// The residual is none, or one of the output's shape and type.
bool adds_alike(const Builder& builder, const Anchor& anchor);

/// How such a group ends: what its kernel is given, and what is left to steps behind it.
struct BoundedForm {
  BoundedChannels constants;
  DType to;    ///< that the kernel writes
  bool seen;   ///< the kernel quantizes for the group's sink
  bool apart;  ///< the activation is a step of its own
};

/// Nothing for activations that neither cut nor are a step of their own, and for factors that are not one per channel.
std::optional<BoundedForm> bounded_form(const Builder& builder, const Anchor& anchor, bool with_factors);

/// What a kernel's packing takes; points into the form and into the weights.
template <class Group, class Shape>
Group bounded_group(const Builder& builder, const Anchor& anchor, const BoundedForm& form, const Shape& shape) {
  using Out = decltype(Group::out);
  Group group;
  group.shape = shape;
  group.weights = builder.known(anchor.weights->q)->template data<std::int8_t>();
  group.scale = form.constants.scale.data();
  group.shift = form.constants.shift.data();
  group.low = form.constants.low.data();
  group.high = form.constants.high.data();
  group.signed_input = anchor.input->scale.dtype == DType::Int8;
  group.input_zero = anchor.input->scale.zero_point;
  group.out = form.to == DType::UInt8 ? Out::U8 : form.to == DType::Int8 ? Out::S8 : Out::F32;
  group.out_zero = form.seen ? anchor.sink->scale.zero_point : 0;
  return group;
}

/// Padding in front of the first pixel along a spatial axis of a convolution or pool.
std::int64_t padding_before(const ir::Node& node, std::size_t axis, std::int64_t in, std::int64_t out, std::int64_t window,
                            std::int64_t stride, std::int64_t dilation);

/// Of a convolution of one group in one or two dimensions whose columns are not dilated, nor padding negative in front;
/// nothing for others.
template <class Shape>
std::optional<Shape> one_group_shape(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  const std::size_t rank = x.size() - 2;
  if (x.size() < 3 || x.size() > 4 || w.size() != x.size() || w[1] != x[1]) return {};
  const auto strides = node.attrs.integers("strides", std::vector<std::int64_t>(rank, 1));
  const auto dilations = node.attrs.integers("dilations", std::vector<std::int64_t>(rank, 1));
  const auto before = [&](std::size_t i) {
    return padding_before(node, i, x[i + 2], y[i + 2], w[i + 2], strides[i], dilations[i]);
  };
  Shape s;
  s.batch = x[0], s.channels = x[1], s.out_channels = w[0];
  s.width = x.back(), s.out_width = y.back(), s.kernel_w = w.back(), s.stride_w = strides.back(), s.left = before(rank - 1);
  if (rank == 2) {
    s.height = x[2], s.out_height = y[2], s.kernel_h = w[2], s.stride_h = strides[0], s.top = before(0);
    s.dilation_h = dilations[0];
  }
  if (dilations.back() != 1 || s.top < 0 || s.left < 0) return {};
  return s;
}

}  // namespace inc::onednn
