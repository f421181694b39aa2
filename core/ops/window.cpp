#include "core/ops/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/parallel.h"

namespace inc::ops {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 31;  ///< of a stride, dilation, pad or kernel extent
constexpr std::int64_t kWorkGrain = 1 << 20;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b + (a % b > 0 ? 1 : 0);
}

std::int64_t grain_for(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, kWorkGrain / std::max<std::int64_t>(1, work));
}

void place_same(Window& w, std::size_t d, bool upper) {
  w.output[d] = ceil_div(w.input[d], w.strides[d]);
  const std::int64_t extent = (w.kernel[d] - 1) * w.dilations[d] + 1;
  const std::int64_t total = std::max<std::int64_t>(0, (w.output[d] - 1) * w.strides[d] + extent - w.input[d]);
  w.pads_begin[d] = upper ? total / 2 : total - total / 2;
  w.pads_end[d] = total - w.pads_begin[d];
}

void place_explicit(Window& w, std::size_t d, bool ceil_mode) {
  const std::int64_t extent = (w.kernel[d] - 1) * w.dilations[d] + 1;
  const std::int64_t room = w.input[d] + w.pads_begin[d] + w.pads_end[d] - extent;
  if (room < 0 && !(ceil_mode && room > -w.strides[d] && room + extent > 0))
    throw ModelError(fmt::format("a window of extent {} does not fit into {} padded elements", extent, room + extent));
  w.output[d] = (ceil_mode ? ceil_div(room, w.strides[d]) : room / w.strides[d]) + 1;
  if (ceil_mode && (w.output[d] - 1) * w.strides[d] >= w.input[d] + w.pads_begin[d]) --w.output[d];
}

template <class A>
void add_tap(const Window& w, const Triple& tap, A weight, const A* x, A* plane) {
  const auto [d0, d1] = w.inside(0, tap[0]);
  const auto [h0, h1] = w.inside(1, tap[1]);
  const auto [w0, w1] = w.inside(2, tap[2]);
  const std::int64_t stride = w.strides[2], shift = w.source(2, 0, tap[2]);
  for (std::int64_t d = d0; d < d1; ++d)
    for (std::int64_t h = h0; h < h1; ++h) {
      const A* from = x + (w.source(0, d, tap[0]) * w.input[1] + w.source(1, h, tap[1])) * w.input[2] + shift;
      A* to = plane + (d * w.output[1] + h) * w.output[2];
      if (stride == 1) {
#pragma omp simd
        for (std::int64_t i = w0; i < w1; ++i) to[i] += weight * from[i];
      } else {
        for (std::int64_t i = w0; i < w1; ++i) to[i] += weight * from[i * stride];
      }
    }
}

void move_trivial_axis_forward(Window& w) {
  for (auto* triple : {&w.input, &w.kernel, &w.output, &w.strides, &w.dilations, &w.pads_begin, &w.pads_end})
    *triple = {(*triple)[2], (*triple)[0], (*triple)[1]};
}

/// The same sums over longer rows: a pointwise window sees one long row, and trailing axes of one element move away.
Window flattened(Window w) {
  for (int i = 0; i < 2 && w.input[2] == 1 && w.kernel[2] == 1 && w.output[2] == 1 && w.pads_begin[2] == 0; ++i)
    move_trivial_axis_forward(w);
  const Triple ones{1, 1, 1}, zeros{0, 0, 0};
  if (w.kernel != ones || w.strides != ones || w.pads_begin != zeros || w.pads_end != zeros) return w;
  w.input = {1, 1, w.input_count()};
  w.output = w.input;
  return w;
}

}  // namespace

std::pair<std::int64_t, std::int64_t> Window::inside(std::size_t d, std::int64_t tap) const noexcept {
  const std::int64_t shift = source(d, 0, tap);
  const std::int64_t begin = shift >= 0 ? 0 : ceil_div(-shift, strides[d]);
  const std::int64_t end = input[d] - shift <= 0 ? 0 : ceil_div(input[d] - shift, strides[d]);
  return {std::min(begin, output[d]), std::max(std::min(begin, output[d]), std::min(end, output[d]))};
}

ir::Shape Window::output_shape() const {
  return {output.end() - rank, output.end()};
}

std::vector<std::int64_t> spatial_attribute(const ir::Attrs& attrs, std::string_view name, std::size_t count,
                                            std::int64_t otherwise, std::int64_t least) {
  auto values = attrs.integers(name);
  if (values.empty()) values.assign(count, otherwise);
  if (values.size() != count) throw ModelError(fmt::format("{} {} found, expected {}", values.size(), name, count));
  for (const auto v : values)
    if (v < least || v > kMost)
      throw ModelError(fmt::format("{} {} found, expected one in [{}, {}]", name, v, least, kMost));
  return values;
}

Window window_of(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& kernel) {
  const std::size_t rank = kernel.size();
  if (x.size() != rank + 2) throw ModelError(fmt::format("input of rank {} found, expected {}", x.size(), rank + 2));
  if (rank > 3) throw UnsupportedError(fmt::format("{} spatial dimensions, at most 3 are supported", rank));
  const auto strides = spatial_attribute(attrs, "strides", rank, 1, 1);
  const auto dilations = spatial_attribute(attrs, "dilations", rank, 1, 1);
  const auto pads = spatial_attribute(attrs, "pads", 2 * rank, 0, -kMost);
  const std::string auto_pad = attrs.text("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && auto_pad != "NOTSET" && auto_pad != "VALID" && !auto_pad.empty())
    throw ModelError(fmt::format("auto_pad '{}' found, expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", auto_pad));
  Window w;
  w.rank = static_cast<int>(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t d = 3 - rank + i;
    if (kernel[i] < 1 || kernel[i] > kMost)
      throw ModelError(fmt::format("kernel extent {} found, expected one in [1, {}]", kernel[i], kMost));
    w.input[d] = x[i + 2];
    w.kernel[d] = kernel[i];
    w.strides[d] = strides[i];
    w.dilations[d] = dilations[i];
    if (same) {
      place_same(w, d, auto_pad == "SAME_UPPER");
      continue;
    }
    if (auto_pad != "VALID") {
      w.pads_begin[d] = pads[i];
      w.pads_end[d] = pads[i + rank];
    }
    place_explicit(w, d, attrs.integer("ceil_mode") != 0);
  }
  return w;
}

ConvShape conv_shape(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w) {
  if (x.size() < 3 || x.size() != w.size())
    throw ModelError(
        fmt::format("input {} and weight {} found, expected equal ranks of at least 3", to_string(x), to_string(w)));
  ConvShape s;
  s.groups = attrs.integer("group", 1);
  const ir::Shape kernel(w.begin() + 2, w.end());
  if (attrs.has("kernel_shape") && attrs.integers("kernel_shape") != kernel)
    throw ModelError(
        fmt::format("kernel_shape {} found, but the weight is {}", to_string(attrs.integers("kernel_shape")), to_string(w)));
  if (s.groups < 1 || x[1] % s.groups != 0 || x[1] / s.groups != w[1] || w[0] % s.groups != 0)
    throw ModelError(
        fmt::format("input {} and weight {} do not fit together with {} groups", to_string(x), to_string(w), s.groups));
  s.window = window_of(attrs, x, kernel);
  s.images = x[0];
  s.in_channels = x[1];
  s.out_channels = w[0];
  s.output = {x[0], w[0]};
  const auto spatial = s.window.output_shape();
  s.output.insert(s.output.end(), spatial.begin(), spatial.end());
  return s;
}

template <class A>
void widen(const ir::Tensor& tensor, std::int64_t begin, std::int64_t count, A zero_point, A* out) {
  visit_number(tensor.dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_same_v<Acc<T>, A>) {
      const T* from = tensor.data<T>() + begin;
      for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<A>(wide(from[i])) - zero_point;
    } else {
      refuse_dtype(tensor.dtype());
    }
  });
}

template <class A>
void convolve(const ConvShape& s, const A* weights, const std::function<void(std::int64_t, A*)>& load,
              const std::function<void(std::int64_t, std::int64_t, const A*)>& done) {
  const Window w = flattened(s.window);
  const std::int64_t x_plane = w.input_count(), y_plane = w.output_count(), taps = w.kernel_count();
  const std::int64_t per_group = s.in_channels / s.groups, out_per_group = s.out_channels / s.groups;
  const auto plane_of = [&](const A* image, std::int64_t m, A* plane) {
    std::fill(plane, plane + y_plane, A{});
    const A* weight = weights + m * per_group * taps;
    for (std::int64_t c = 0; c < per_group; ++c) {
      const A* x = image + (m / out_per_group * per_group + c) * x_plane;
      for (std::int64_t i = 0; i < w.kernel[0]; ++i)
        for (std::int64_t j = 0; j < w.kernel[1]; ++j)
          for (std::int64_t k = 0; k < w.kernel[2]; ++k) add_tap<A>(w, {i, j, k}, *weight++, x, plane);
    }
  };
  const auto images = [&](std::int64_t first, std::int64_t last) {
    std::vector<A> image(static_cast<std::size_t>(s.in_channels * x_plane));
    for (std::int64_t n = first; n < last; ++n) {
      load(n, image.data());
      parallel_for(s.out_channels, grain_for(y_plane * taps * per_group), [&](std::int64_t begin, std::int64_t end) {
        std::vector<A> plane(static_cast<std::size_t>(y_plane));
        for (std::int64_t m = begin; m < end; ++m) {
          plane_of(image.data(), m, plane.data());
          done(n, m, plane.data());
        }
      });
    }
  };
  const bool by_image = s.images >= threads();
  parallel_for(s.images, by_image ? 1 : s.images, images);
}

template <class A>
void multiply(std::int64_t m, std::int64_t k, std::int64_t n, const A* a, const A* b,
              const std::function<void(std::int64_t, const A*)>& done) {
  parallel_for(m, grain_for(k * n), [&](std::int64_t begin, std::int64_t end) {
    std::vector<A> sums(static_cast<std::size_t>(n));
    for (std::int64_t row = begin; row < end; ++row) {
      std::fill(sums.begin(), sums.end(), A{});
      A* to = sums.data();
      for (std::int64_t j = 0; j < k; ++j) {
        const A factor = a[row * k + j];
        const A* from = b + j * n;
#pragma omp simd
        for (std::int64_t i = 0; i < n; ++i) to[i] += factor * from[i];
      }
      done(row, to);
    }
  });
}

MatMulShape matmul_shape(const ir::Shape& a, const ir::Shape& b) {
  if (a.empty() || b.empty())
    throw ModelError(fmt::format("{} times {}: scalars do not multiply as matrices", to_string(a), to_string(b)));
  ir::Shape left = a, right = b;
  if (a.size() == 1) left.insert(left.begin(), 1);
  if (b.size() == 1) right.push_back(1);
  MatMulShape s;
  s.m = left[left.size() - 2];
  s.k = left.back();
  s.n = right.back();
  if (s.k != right[right.size() - 2])
    throw ModelError(fmt::format("{} times {}: inner dimensions {} and {} differ", to_string(a), to_string(b), s.k,
                                 right[right.size() - 2]));
  const ir::Shape a_stack(left.begin(), left.end() - 2), b_stack(right.begin(), right.end() - 2);
  s.output = broadcast(a_stack, b_stack);
  for_each_position(s.output, {broadcast_strides(a_stack, s.output), broadcast_strides(b_stack, s.output)},
                    [&](std::int64_t, const std::int64_t* at) {
                      s.a_batch.push_back(at[0]);
                      s.b_batch.push_back(at[1]);
                    });
  if (a.size() > 1) s.output.push_back(s.m);
  if (b.size() > 1) s.output.push_back(s.n);
  return s;
}

#define INC_INSTANTIATE(A)                                                                            \
  template void widen<A>(const ir::Tensor&, std::int64_t, std::int64_t, A, A*);                       \
  template void convolve<A>(const ConvShape&, const A*, const std::function<void(std::int64_t, A*)>&, \
                            const std::function<void(std::int64_t, std::int64_t, const A*)>&);        \
  template void multiply<A>(std::int64_t, std::int64_t, std::int64_t, const A*, const A*,             \
                            const std::function<void(std::int64_t, const A*)>&);
INC_INSTANTIATE(double)
INC_INSTANTIATE(std::uint64_t)
#undef INC_INSTANTIATE

}  // namespace inc::ops
