// Every variant of a kernel against its scalar definition: integers exact, floats within a stated bound, at counts around
// vector widths, with guard bytes behind the destination.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/base/rng.h"
#include "core/quant/quantize.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/isa.h"
#include "kernels/move/move.h"
#include "kernels/quantize/quantize.h"
#include "kernels/reduce/reduce.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Kernels : public EveryIsa {};

std::vector<float> awkward(std::int64_t count, float scale) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> special{0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e30f, -1e30f, inf, -inf, std::nanf(""), 0.49999997f};
  Rng rng(static_cast<std::uint64_t>(count));
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(i % 3 == 0 ? special[static_cast<std::size_t>(i) % special.size()] * scale
                                : scale * static_cast<float>(rng.uniform() * 600 - 300));
  return values;
}

TEST_P(Kernels, QuantizePixelsLikeQuantizingAndMovingChannels) {
  for (const std::int64_t channels : {2, 3, 4})
    for (const std::int64_t pixels : {1, 15, 63, 64, 65, 200, 40000})
      for (const bool is_signed : {false, true}) {
        const std::int64_t images = 2, count = images * channels * pixels;
        const Affine8 as{0.037f, is_signed ? -3 : 100, is_signed};
        const auto x = awkward(count, as.scale);
        std::vector<std::byte> plain(static_cast<std::size_t>(count)), found(plain.size() + 64, std::byte{0xa5});
        quantize(x.data(), plain.data(), count, as);
        quantize_pixels(x.data(), found.data(), images, channels, pixels, as);
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t c = i % channels, p = i / channels % pixels, n = i / channels / pixels;
          ASSERT_EQ(found[static_cast<std::size_t>(i)], plain[static_cast<std::size_t>((n * channels + c) * pixels + p)]);
        }
        for (std::size_t i = plain.size(); i < found.size(); ++i) ASSERT_EQ(found[i], std::byte{0xa5});
      }
}

TEST_P(Kernels, QuantizeBitExactly) {
  for (const std::int64_t count : {0, 1, 7, 8, 15, 16, 17, 31, 33, 64, 65, 1000, 40000})
    for (const bool is_signed : {false, true})
      for (const std::int32_t zero : {0, 3, 100}) {
        const float scale = 0.037f;
        const auto x = awkward(count, scale);
        const quant::QParams qparams{is_signed ? DType::Int8 : DType::UInt8, {scale}, {zero}, -1};
        const ir::Tensor expected = quant::quantize(ir::Tensor::of<float>({count}, x), qparams);
        std::vector<std::byte> found(static_cast<std::size_t>(count) + 64, std::byte{0xa5});
        quantize(x.data(), found.data(), count, {scale, zero, is_signed});
        for (std::int64_t i = 0; i < count; ++i)
          ASSERT_EQ(found[static_cast<std::size_t>(i)], expected.raw()[i])
              << x[static_cast<std::size_t>(i)] << " of " << count;
        for (std::size_t i = static_cast<std::size_t>(count); i < found.size(); ++i) ASSERT_EQ(found[i], std::byte{0xa5});
        const ir::Tensor real = quant::dequantize(expected, qparams);
        std::vector<float> back(static_cast<std::size_t>(count) + 1, -7.0f);
        dequantize(expected.raw(), back.data(), count, {scale, zero, is_signed});
        for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(back[static_cast<std::size_t>(i)], real.data<float>()[i]);
        ASSERT_EQ(back.back(), -7.0f);
      }
}

TEST_P(Kernels, CombineAsQuantizeOfSumOrProduct) {
  constexpr std::int64_t kCount = 256 * 256;
  std::vector<std::byte> a(kCount), b(kCount), found(kCount), expected(kCount);
  for (std::int64_t i = 0; i < kCount; ++i) {
    a[static_cast<std::size_t>(i)] = static_cast<std::byte>(i & 255);
    b[static_cast<std::size_t>(i)] = static_cast<std::byte>(i >> 8);
  }
  for (const bool product : {false, true})
    for (const bool is_signed : {false, true}) {
      const Affine8 as_a{0.02f, is_signed ? -3 : 7, is_signed}, as_b{0.05f, 128, false}, as{0.043f, 11, is_signed};
      std::vector<float> x(kCount), y(kCount);
      dequantize(a.data(), x.data(), kCount, as_a);
      dequantize(b.data(), y.data(), kCount, as_b);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = product ? x[i] * y[i] : x[i] + y[i];
      quantize(x.data(), expected.data(), kCount, as);
      combine8(a.data(), as_a, b.data(), as_b, found.data(), as, kCount, product);
      EXPECT_EQ(found, expected);
    }
}

TEST_P(Kernels, ErfStaysWithinFourEpsilons) {
  std::vector<float> x, y;
  for (float v = -6; v < 6; v += 0.00037f) x.push_back(v);
  y.resize(x.size());
  unary(Unary::Erf, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], std::erf(static_cast<double>(x[i])), 4 * 0x1p-23) << x[i];
}

TEST_P(Kernels, ExpStaysWithinSixEpsilonsAndSaturatesAsItShould) {
  std::vector<float> x, y;
  for (float v = -87; v < 88.7f; v += 0.0037f) x.push_back(v);
  y.resize(x.size());
  unary(Unary::Exp, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = std::exp(static_cast<double>(x[i]));
    ASSERT_NEAR(y[i], expected, 6 * 0x1p-23 * expected) << x[i];
  }
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const float edges[] = {kInf, 100, -kInf, -200, std::nanf("")};
  float found[5];
  unary(Unary::Exp, edges, found, 5);
  EXPECT_EQ(std::vector<float>(found, found + 4), (std::vector<float>{kInf, kInf, 0, 0}));
  EXPECT_TRUE(std::isnan(found[4]));
}

TEST_P(Kernels, CutLinesHandOnNan) {
  constexpr std::size_t kCount = 37;
  std::vector<float> x(kCount, std::nanf("")), y(kCount);
  for (std::size_t i = 0; i < kCount; i += 2) x[i] = static_cast<float>(i) - 18;
  cut_line(x.data(), y.data(), static_cast<std::int64_t>(kCount), {0.5f, 1, -2, 4});
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 2 != 0)
      EXPECT_TRUE(std::isnan(y[i]));
    else
      EXPECT_EQ(y[i], std::clamp(x[i] * 0.5f + 1, -2.0f, 4.0f));
  }
}

TEST_P(Kernels, ReduceRowsAndColumns) {
  Rng rng(1);
  for (const std::int64_t outer : {1, 3})
    for (const std::int64_t count : {1, 15, 16, 17, 100})
      for (const std::int64_t inner : {1, 5, 300}) {
        std::vector<float> x(static_cast<std::size_t>(outer * count * inner)), y(static_cast<std::size_t>(outer * inner));
        for (float& v : x) v = static_cast<float>(rng.uniform() - 0.5);
        for (const Reduce op : {Reduce::Mean, Reduce::Max}) {
          reduce(op, x.data(), y.data(), outer, count, inner);
          for (std::int64_t o = 0; o < outer; ++o)
            for (std::int64_t i = 0; i < inner; ++i) {
              double sum = 0, most = -1;
              for (std::int64_t k = 0; k < count; ++k) {
                const double v = static_cast<double>(x[static_cast<std::size_t>((o * count + k) * inner + i)]);
                sum += v;
                most = std::max(most, v);
              }
              const double expected = op == Reduce::Max ? most : sum / static_cast<double>(count);
              ASSERT_NEAR(y[static_cast<std::size_t>(o * inner + i)], expected, 1e-6);
            }
        }
      }
}

TEST_P(Kernels, BroadcastEitherOperand) {
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{10, 20, 30};
  std::vector<float> y(6);
  const std::vector<std::int64_t> dims{2, 3}, full{3, 1}, row{0, 1};
  binary(Binary::Sub, a.data(), b.data(), y.data(), broadcast(dims, full, row));
  EXPECT_EQ(y, (std::vector<float>{-9, -18, -27, -6, -15, -24}));
  binary(Binary::Sub, b.data(), a.data(), y.data(), broadcast(dims, row, full));
  EXPECT_EQ(y, (std::vector<float>{9, 18, 27, 6, 15, 24}));
}

TEST_P(Kernels, CopyAnyStrides) {
  Rng rng(2);
  for (const std::size_t size : {1u, 2u, 4u, 8u})
    for (const std::int64_t channels : {1, 2, 3, 4, 7, 12, 17, 85}) {
      const std::int64_t height = 5, width = 33, plane = height * width;
      const std::vector<std::int64_t> dims{3, channels, height, width}, plain{channels * plane, plane, width, 1},
          last{channels * plane, 1, width * channels, channels};
      const std::int64_t count = 3 * channels * plane;
      std::vector<std::byte> x(static_cast<std::size_t>(count) * size), y(x.size()), back(x.size()), expected(x.size());
      for (std::byte& v : x) v = static_cast<std::byte>(rng.below(256));
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t image = i / (channels * plane), channel = i / plane % channels, at = i % plane;
        const auto from = static_cast<std::size_t>(i) * size,
                   to = static_cast<std::size_t>((image * plane + at) * channels + channel) * size;
        std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(from), size, expected.begin() + static_cast<std::ptrdiff_t>(to));
      }
      copy_strided(x.data(), plain, y.data(), last, dims, size);
      EXPECT_EQ(y, expected) << size << " bytes, " << channels << " channels";
      copy_strided(y.data(), last, back.data(), plain, dims, size);
      EXPECT_EQ(back, x) << size << " bytes, " << channels << " channels";
    }
}

TEST_P(Kernels, LinesTakeTheNumbersOfTheirChannel) {
  for (const std::int64_t channels : {1, 3, 24, 1030})
    for (const std::int64_t outer : {1, 2, 130})
      for (const std::int64_t inner : {1, 7}) {
        Rng rng(static_cast<std::uint64_t>(channels * outer * inner));
        std::vector<float> x(static_cast<std::size_t>(outer * channels * inner));
        std::vector<float> factor(static_cast<std::size_t>(channels)), shift(factor);
        for (float& v : x) v = static_cast<float>(rng.uniform() * 20 - 10);
        x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
        for (float& v : factor) v = static_cast<float>(rng.uniform() * 3);
        for (float& v : shift) v = static_cast<float>(rng.uniform() * 9 - 5);
        for (const float low : {-std::numeric_limits<float>::infinity(), 0.0f}) {
          std::vector<float> line(x), found(x.size() + 1, 7.0f);
          for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t c = i / static_cast<std::size_t>(inner) % factor.size();
            const float product = x[i] * factor[c];
            line[i] = std::isnan(x[i]) ? x[i] : std::max(product + shift[c], low);
          }
          const ChannelLines lines{factor.data(), shift.data(), low};
          channel_lines(x.data(), found.data(), outer, channels, inner, lines);
          ASSERT_EQ(found.back(), 7.0f);
          ASSERT_EQ(std::memcmp(found.data(), line.data(), line.size() * sizeof(float)), 0) << outer << " × " << channels;
          for (const Affine8 as : {Affine8{0.07f, 99, false}, Affine8{0.11f, -7, true}}) {
            std::vector<std::byte> got(x.size() + 1, std::byte{0x5a}), want(got);
            quantize_lines(x.data(), got.data(), outer, channels, inner, lines, as);
            quantize(line.data(), want.data(), static_cast<std::int64_t>(line.size()), as);
            ASSERT_EQ(got, want) << outer << " × " << channels << " × " << inner;
          }
        }
      }
}

TEST(Move, FillRepeatsElementsOfEverySize) {
  const std::byte value[] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                             std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
  for (const std::size_t size : {1, 2, 4, 8})
    for (const std::size_t count : {0, 1, 63, 64, 65, 511, 513, 40'000}) {
      std::vector<std::byte> dst(count * size + 16, std::byte{0x5a});
      fill(dst.data(), static_cast<std::int64_t>(count), value, size);
      for (std::size_t i = 0; i < dst.size(); ++i)
        ASSERT_EQ(dst[i], i < count * size ? value[i % size] : std::byte{0x5a}) << size << " × " << count << " at " << i;
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Kernels, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
