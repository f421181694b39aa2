#pragma once
// Groups for the kernels that take a DenseGroup, and the scalar definition of what comes out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/rng.h"
#include "kernels/dense/dense.h"
#include "tests/unit/kernels/channel_arrays.h"

namespace inc::kernels {

/// A group with its arrays and data of the full range.
struct DenseProblem : ChannelArrays {
  DenseGroup group;
  std::vector<std::uint8_t> src, residual;
  std::vector<float> numbers;

  DenseProblem(const DenseShape& s, bool signed_input, DenseOut out) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.width * 17 + s.channels));
    const auto some = [&](double from, double to) { return static_cast<float>(from + rng.uniform() * (to - from)); };
    fill(s.out_channels, s.channels * s.kernel_h * s.kernel_w, some);
    for (std::int64_t i = 0; i < s.batch * s.height * s.width * s.channels; ++i)
      src.push_back(i % 3 == 0 ? 255 : static_cast<std::uint8_t>(some(0, 256)));
    group = {s,
             weights.data(),
             scale.data(),
             shift.data(),
             low.data(),
             high.data(),
             signed_input,
             signed_input ? -3 : 117,
             out,
             out == DenseOut::S8 ? -5 : 40};
  }

  void add_residual(DenseResidual type) {
    Rng rng(7);
    for (std::int64_t i = 0; i < pixels() * group.shape.out_channels; ++i) {
      residual.push_back(static_cast<std::uint8_t>(rng.uniform() * 256));
      const float wild[] = {std::nanf(""), 1e30f, -std::numeric_limits<float>::infinity()};
      numbers.push_back(i % 13 == 5 ? wild[i % 3] : static_cast<float>(rng.uniform() * 300 - 150));
    }
    group.residual = type;
    group.residual_scale = 0.31f;
  }
  const std::byte* residual_data() const {
    const void* data = group.residual == DenseResidual::F32 ? static_cast<const void*>(numbers.data()) : residual.data();
    return static_cast<const std::byte*>(data);
  }

  std::int64_t pixels() const { return group.shape.batch * group.shape.out_height * group.shape.out_width; }

  float scaled(std::int64_t pixel, std::int64_t c) const {
    const DenseShape& s = group.shape;
    const std::int64_t ox = pixel % s.out_width, oy = pixel / s.out_width % s.out_height,
                       n = pixel / s.out_width / s.out_height;
    std::int32_t sum = 0;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel_w; ++kx)
        for (std::int64_t in = 0; in < s.channels; ++in) {
          const std::int64_t y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx;
          if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
          const std::uint8_t byte = src[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + in)];
          const std::int32_t q = group.signed_input ? static_cast<std::int8_t>(byte) : byte;
          sum += (q - group.input_zero) *
                 weights[static_cast<std::size_t>(((c * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx)];
        }
    const auto at = static_cast<std::size_t>(c);
    const float t = std::fma(static_cast<float>(sum), scale[at], shift[at]);
    if (group.residual == DenseResidual::None) return t;
    const auto place = static_cast<std::size_t>(pixel * group.shape.out_channels + c);
    const float q = group.residual == DenseResidual::S8 ? static_cast<float>(static_cast<std::int8_t>(residual[place]))
                                                        : static_cast<float>(residual[place]);
    const float sum_with = std::fma(group.residual == DenseResidual::F32 ? numbers[place] : q, group.residual_scale, t);
    return std::isnan(sum_with) ? 0.0f : sum_with;
  }

  std::int32_t rounded(float v) const {
    const bool is_signed = group.out == DenseOut::S8;
    const std::int32_t q = static_cast<std::int32_t>(std::nearbyint(std::clamp(v, -1000.0f, 1000.0f))) + group.out_zero;
    return std::clamp(q, is_signed ? -128 : 0, is_signed ? 127 : 255);
  }

  /// dst: what a kernel wrote.
  void expect_exact(const std::byte* dst) const {
    const DenseShape& s = group.shape;
    const DenseOut out = group.out;
    const auto count = static_cast<std::size_t>(pixels() * s.out_channels);
    for (std::size_t i = 0; i < count; ++i) {
      const auto n = static_cast<std::int64_t>(i);
      const std::int64_t c = n % s.out_channels, pixel = n / s.out_channels;
      const float t = scaled(pixel, c), least = low[static_cast<std::size_t>(c)], most = high[static_cast<std::size_t>(c)];
      const auto at = [&] {
        return ::testing::Message() << "channel " << c << " of " << s.out_channels << " at pixel " << pixel << " of "
                                    << pixels() << ", " << s.channels << " channels in";
      };
      if (out == DenseOut::F32) {
        ASSERT_EQ(reinterpret_cast<const float*>(dst)[i], std::min(std::max(t, least), most)) << at();
        continue;
      }
      const std::int32_t want = std::min(std::max(rounded(t), rounded(least)), rounded(most));
      const std::int32_t got = out == DenseOut::S8 ? static_cast<std::int8_t>(dst[i]) : static_cast<std::uint8_t>(dst[i]);
      ASSERT_EQ(got, want) << at();
    }
  }
};

inline DenseShape points(std::int64_t pixels, std::int64_t channels, std::int64_t out_channels) {
  return {1, 1, pixels, channels, 1, pixels, out_channels};
}

inline DenseShape windows(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels,
                   std::int64_t out_channels, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const auto out = [&](std::int64_t in) { return (in + 2 * pad - kernel) / stride + 1; };
  return {batch,  height, width,  channels, out(height), out(width), out_channels,
          kernel, kernel, stride, stride,   1,           pad,        pad};
}

}  // namespace inc::kernels
