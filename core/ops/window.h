#pragma once
// The sliding window of convolutions and pools, and the two sums everything linear is made of: convolution and matrix
// product over wide elements (double for floats; unsigned 64 bit, modulo 2^64, for integers).
#include <array>
#include <cstdint>
#include <functional>

#include "core/ops/support.h"

namespace inc::ops {

using Triple = std::array<std::int64_t, 3>;

/// Always three spatial dimensions; those that are missing come first, with extent 1.
struct Window {
  int rank = 0;  ///< spatial dimensions of the operator
  Triple input{1, 1, 1}, kernel{1, 1, 1}, output{1, 1, 1};
  Triple strides{1, 1, 1}, dilations{1, 1, 1}, pads_begin{0, 0, 0}, pads_end{0, 0, 0};
  std::int64_t input_count() const noexcept { return input[0] * input[1] * input[2]; }
  std::int64_t kernel_count() const noexcept { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t output_count() const noexcept { return output[0] * output[1] * output[2]; }
  /// Input coordinate under tap `tap` of the window at output coordinate `out`.
  std::int64_t source(std::size_t d, std::int64_t out, std::int64_t tap) const noexcept {
    return out * strides[d] - pads_begin[d] + tap * dilations[d];
  }
  /// The output coordinates [begin, end) for which that tap lies inside the input.
  std::pair<std::int64_t, std::int64_t> inside(std::size_t d, std::int64_t tap) const noexcept;
  /// The spatial part of the output shape, `rank` long.
  ir::Shape output_shape() const;
};

/// From the attributes strides, dilations, pads, auto_pad, ceil_mode. `x` is [N, C, spatial], `kernel` the spatial kernel.
/// Throws ModelError when the parts do not fit together, UnsupportedError beyond three spatial dimensions.
Window window_of(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& kernel);
/// The list attribute, or `otherwise` repeated; throws ModelError when it has not `count` entries of at least `least`.
std::vector<std::int64_t> spatial_attribute(const ir::Attrs& attrs, std::string_view name, std::size_t count,
                                            std::int64_t otherwise, std::int64_t least);

struct ConvShape {
  Window window;
  std::int64_t images = 0, in_channels = 0, out_channels = 0, groups = 1;
  ir::Shape output;
};
/// Checks x [N, C, spatial] against w [M, C/group, kernel] and attributes group and kernel_shape.
ConvShape conv_shape(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w);

/// double for floating element types, std::uint64_t for integers.
template <class T>
using Acc = std::conditional_t<std::is_floating_point_v<Sum<T>>, double, std::uint64_t>;

/// out[i] = tensor[begin + i] - zero_point, widened.
template <class A>
void widen(const ir::Tensor& tensor, std::int64_t begin, std::int64_t count, A zero_point, A* out);
template <class A>
std::vector<A> widened(const ir::Tensor& tensor, A zero_point = {}) {
  std::vector<A> out(static_cast<std::size_t>(tensor.count()));
  widen<A>(tensor, 0, tensor.count(), zero_point, out.data());
  return out;
}

/// load(n, image) fills image n; done(n, channel, plane) receives each output plane; both on any thread.
template <class A>
void convolve(const ConvShape& shape, const A* weights, const std::function<void(std::int64_t, A*)>& load,
              const std::function<void(std::int64_t, std::int64_t, const A*)>& done);

/// a [m, k] times b [k, n]; done(row, values) receives each row, on any thread.
template <class A>
void multiply(std::int64_t m, std::int64_t k, std::int64_t n, const A* a, const A* b,
              const std::function<void(std::int64_t, const A*)>& done);

/// The batches of a matrix product after NumPy's rules: each of a and b is a stack of matrices.
struct MatMulShape {
  std::int64_t m = 1, k = 1, n = 1;
  ir::Shape output;                            ///< vectors promoted and taken away again
  std::vector<std::int64_t> a_batch, b_batch;  ///< index of the matrix of a and of b for each product
};
MatMulShape matmul_shape(const ir::Shape& a, const ir::Shape& b);

}  // namespace inc::ops
