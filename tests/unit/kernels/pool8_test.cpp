// Pooling of 8-bit data, every variant against the scalar definition, bit-exact.
#include "kernels/pool8/pool8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Pool8 : public EveryIsa {};

std::vector<std::byte> numbers(std::int64_t count) {
  Rng rng(static_cast<std::uint64_t>(count));
  std::vector<std::byte> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<std::byte>(static_cast<int>(rng.uniform() * 256)));
  return values;
}

std::int32_t value(std::byte b, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(b) : static_cast<std::uint8_t>(b);
}

std::int32_t quantized(double t, const Affine8& as) {
  const double low = (as.is_signed ? -128 : 0) - as.zero_point, high = (as.is_signed ? 127 : 255) - as.zero_point;
  return static_cast<std::int32_t>(std::rint(std::clamp(t, low, high))) + as.zero_point;
}

PoolShape shape_of(std::int64_t channels, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                   std::int64_t dilation = 1) {
  PoolShape s;
  s.batch = 2;
  s.height = 9;
  s.width = 11;
  s.channels = channels;
  s.kernel_h = s.kernel_w = kernel;
  s.stride_h = s.stride_w = stride;
  s.dilation_h = s.dilation_w = dilation;
  s.top = s.left = pad;
  s.out_height = (s.height + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  s.out_width = (s.width + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  return s;
}

/// visit(output index, values inside the window)
template <class Visit>
void for_each_window(const PoolShape& s, const std::vector<std::byte>& src, bool is_signed, Visit&& visit) {
  for (std::int64_t i = 0; i < s.batch * s.out_height * s.out_width * s.channels; ++i) {
    const std::int64_t c = i % s.channels, ox = i / s.channels % s.out_width,
                       oy = i / s.channels / s.out_width % s.out_height;
    const std::int64_t n = i / s.channels / s.out_width / s.out_height;
    std::vector<std::int32_t> inside;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
        const std::int64_t y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx * s.dilation_w;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
        inside.push_back(
            value(src[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + c)], is_signed));
      }
    visit(static_cast<std::size_t>(i), inside);
  }
}

const std::int64_t kChannels[] = {1, 3, 15, 16, 17, 31, 33, 63, 64, 65, 130};

TEST_P(Pool8, TakesTheLargest) {
  for (const bool is_signed : {false, true})
    for (const std::int64_t channels : kChannels)
      for (const auto& [kernel, stride, pad, dilation] :
           {std::array{3, 2, 1, 1}, {2, 2, 0, 1}, {3, 1, 1, 2}, {5, 3, 2, 1}}) {
        const PoolShape s = shape_of(channels, kernel, stride, pad, dilation);
        const auto src = numbers(s.batch * s.height * s.width * channels);
        const auto count = static_cast<std::size_t>(s.batch * s.out_height * s.out_width * channels);
        std::vector<std::byte> dst(count + 64, std::byte{0xa5});
        max_pool8(src.data(), dst.data(), s, is_signed);
        for_each_window(s, src, is_signed, [&](std::size_t i, const std::vector<std::int32_t>& inside) {
          ASSERT_EQ(value(dst[i], is_signed), *std::max_element(inside.begin(), inside.end())) << channels << " channels";
        });
        for (std::size_t i = count; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0xa5});
      }
}

TEST_P(Pool8, AveragesWithAndWithoutWhatLiesOutside) {
  for (const bool is_signed : {false, true})
    for (const bool whole : {false, true})
      for (const std::int64_t channels : kChannels) {
        const PoolShape s = shape_of(channels, 3, 2, 1);
        const auto src = numbers(s.batch * s.height * s.width * channels);
        const auto count = static_cast<std::size_t>(s.batch * s.out_height * s.out_width * channels);
        const Affine8 in{0.03f, is_signed ? -7 : 130, is_signed}, out{0.021f, is_signed ? 90 : 5, !is_signed};
        std::vector<std::byte> dst(count + 64, std::byte{0xa5});
        average_pool8(src.data(), in, dst.data(), out, s, whole);
        for_each_window(s, src, is_signed, [&](std::size_t i, const std::vector<std::int32_t>& inside) {
          std::int32_t sum = 0;
          for (const std::int32_t v : inside) sum += v - in.zero_point;
          const double factor = static_cast<double>(in.scale) / static_cast<double>(out.scale) /
                                static_cast<double>(whole ? s.kernel_h * s.kernel_w : std::ssize(inside));
          ASSERT_EQ(value(dst[i], out.is_signed), quantized(sum * factor, out)) << channels << " channels";
        });
        for (std::size_t i = count; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0xa5});
      }
}

TEST_P(Pool8, MeansOfColumnsAndRuns) {
  for (const bool is_signed : {false, true})
    for (const std::int64_t inner : {1, 2, 63, 64, 300, 520})
      for (const std::int64_t window : {1, 49, 64, 100}) {
        const std::int64_t outer = 3;
        const auto src = numbers(outer * window * inner);
        const Affine8 in{0.03f, is_signed ? -7 : 130, is_signed}, out{0.01f, is_signed ? -3 : 128, is_signed};
        const auto count = static_cast<std::size_t>(outer * inner);
        set_threads(inner == 300 ? 2 : 0);
        std::vector<std::byte> dst(count + 64, std::byte{0xa5});
        mean8(src.data(), in, dst.data(), out, outer, window, inner);
        for (std::size_t i = 0; i < count; ++i) {
          const std::int64_t o = static_cast<std::int64_t>(i) / inner, c = static_cast<std::int64_t>(i) % inner;
          std::int32_t sum = 0;
          for (std::int64_t w = 0; w < window; ++w)
            sum += value(src[static_cast<std::size_t>((o * window + w) * inner + c)], is_signed) - in.zero_point;
          const double factor = static_cast<double>(in.scale) / static_cast<double>(out.scale) / static_cast<double>(window);
          ASSERT_EQ(value(dst[i], is_signed), quantized(sum * factor, out)) << inner << " columns of " << window;
        }
        for (std::size_t i = count; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0xa5});
      }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Pool8, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
