// Exact sums of 8-bit products against the scalar definition: every number must agree, on every ISA, for any number of
// shares, with full-range operands.
#include "kernels/integer/integer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/bfloat16.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

using std::int64_t;
using Output = IntegerFinish::Output;
using Residual = IntegerFinish::Residual;

struct Data {
  std::vector<std::byte> src, residual;
  std::vector<std::int8_t> weights;  // [out][in][row][column]
  std::vector<float> scale, bias, factor;
  std::int32_t src_zero_point = 0, weight_zero_point = 0;
  bool src_signed = false;
};

std::size_t at(int64_t i) {
  return static_cast<std::size_t>(i);
}

int64_t source_size(const IntegerShape& s) {
  return s.images * s.height * s.width * s.channels;
}
int64_t output_size(const IntegerShape& s) {
  return s.images * s.out_height * s.out_width * s.out_channels;
}

std::byte any_byte(Rng& rng) {
  const auto v = static_cast<int>(rng.uniform() * 300) - 20;  // both ends often
  return static_cast<std::byte>(std::clamp(v, 0, 255));
}

Data make_data(const IntegerShape& s, bool src_signed, std::int32_t src_zero, std::int32_t weight_zero) {
  Rng rng(static_cast<std::uint64_t>(source_size(s) + output_size(s)));
  Data d;
  d.src_signed = src_signed;
  d.src_zero_point = src_zero;
  d.weight_zero_point = weight_zero;
  for (int64_t i = 0; i < source_size(s); ++i) d.src.push_back(any_byte(rng));
  const int64_t per_channel = s.channels / s.groups * s.kernel_height * s.kernel_width;
  for (int64_t i = 0; i < s.out_channels * per_channel; ++i)
    d.weights.push_back(static_cast<std::int8_t>(static_cast<int>(any_byte(rng)) - 128));
  for (int64_t i = 0; i < output_size(s) * 4; ++i) d.residual.push_back(any_byte(rng));
  for (int64_t i = 0; i < output_size(s); ++i)
    reinterpret_cast<float*>(d.residual.data())[i] = static_cast<float>(rng.uniform() * 8 - 4);
  for (int64_t c = 0; c < s.out_channels; ++c) {
    d.scale.push_back(static_cast<float>(0.002 / std::sqrt(per_channel) * (0.5 + rng.uniform())));
    d.bias.push_back(static_cast<float>(rng.uniform() * 4 - 2));
    d.factor.push_back(static_cast<float>(0.5 + rng.uniform()));
  }
  return d;
}

std::int32_t integer(std::byte q, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(q) : static_cast<std::int32_t>(q);
}

std::int32_t sum(const IntegerShape& s, const Data& d, int64_t image, int64_t y, int64_t x, int64_t channel) {
  const int64_t inner = s.channels / s.groups, group = channel / (s.out_channels / s.groups);
  std::int32_t total = 0;
  for (int64_t i = 0; i < s.kernel_height; ++i)
    for (int64_t j = 0; j < s.kernel_width; ++j) {
      const int64_t row = y * s.stride_height + i * s.dilation_height - s.top;
      const int64_t column = x * s.stride_width + j * s.dilation_width - s.left;
      if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
      for (int64_t k = 0; k < inner; ++k) {
        const auto a = d.src[at(((image * s.height + row) * s.width + column) * s.channels + group * inner + k)];
        const auto w = d.weights[at(((channel * inner + k) * s.kernel_height + i) * s.kernel_width + j)];
        total += (integer(a, d.src_signed) - d.src_zero_point) * (w - d.weight_zero_point);
      }
    }
  return total;
}

float activated(const IntegerFinish& f, float x) {
  if (f.activation == IntegerActivation::LeakyRelu) x = std::max(x, 0.0f) + std::min(x, 0.0f) * f.alpha;
  if (f.activation == IntegerActivation::HardSwish) x = x * std::min(std::max(x * (1.0f / 6) + 0.5f, 0.0f), 1.0f);
  if (f.activation == IntegerActivation::HardSigmoid) x = std::min(std::max(x * f.alpha + f.beta, 0.0f), 1.0f);
  const double v = x;
  if (f.activation == IntegerActivation::Sigmoid) x = static_cast<float>(1 / (1 + std::exp(-v)));
  if (f.activation == IntegerActivation::Tanh) x = static_cast<float>(std::tanh(v));
  if (f.activation == IntegerActivation::Silu) x = static_cast<float>(v / (1 + std::exp(-v)));
  if (f.activation == IntegerActivation::Gelu) x = static_cast<float>(0.5 * v * (1 + std::erf(v / std::sqrt(2.0))));
  if (f.activation == IntegerActivation::GeluTanh)
    x = static_cast<float>(0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
  return std::min(std::max(x, f.low), f.high);
}

int64_t bytes_of(Output output) {
  return output == Output::UInt8 || output == Output::Int8 ? 1 : output == Output::BFloat16 ? 2 : 4;
}

std::vector<std::byte> expected(const IntegerShape& s, const Data& d, const IntegerFinish& f) {
  std::vector<std::byte> out(at(output_size(s) * bytes_of(f.output)));
  int64_t i = 0;
  for (int64_t image = 0; image < s.images; ++image)
    for (int64_t y = 0; y < s.out_height; ++y)
      for (int64_t x = 0; x < s.out_width; ++x)
        for (int64_t c = 0; c < s.out_channels; ++c, ++i) {
          const std::int32_t total = sum(s, d, image, y, x, c);
          const float scale = d.scale[at(c)] * f.run_scale, bias = f.bias != nullptr ? d.bias[at(c)] : 0.0f;
          float v = f.in_steps ? std::fma(static_cast<float>(total), scale, bias) : static_cast<float>(total) * scale + bias;
          if (f.residual == Residual::Float) v += reinterpret_cast<const float*>(d.residual.data())[i];
          if (f.residual == Residual::UInt8 || f.residual == Residual::Int8) {
            const std::int32_t q = integer(d.residual[at(i)], f.residual == Residual::Int8);
            v = f.in_steps ? std::fma(static_cast<float>(q), f.residual_scale, v)
                           : v + f.residual_scale * static_cast<float>(q - f.residual_zero_point);
          }
          const float factor = f.factor != nullptr ? d.factor[at(c)] : 1.0f;
          if (f.in_steps) {
            const float a = f.low / f.out_scale * factor, b = f.high / f.out_scale * factor;
            v = std::min(std::max(v, std::min(a, b)), std::max(a, b));
          } else {
            v = activated(f, v);
            if (f.factor != nullptr) v *= factor;
          }
          if (f.output == Output::Int32) reinterpret_cast<std::int32_t*>(out.data())[i] = total;
          if (f.output == Output::Float) reinterpret_cast<float*>(out.data())[i] = v;
          if (f.output == Output::BFloat16) reinterpret_cast<BFloat16*>(out.data())[i] = BFloat16(v);
          if (bytes_of(f.output) == 1)
            quantize(&v, &out[at(i)], 1, {f.in_steps ? 1.0f : f.out_scale, f.out_zero_point, f.output == Output::Int8});
        }
  return out;
}

std::vector<std::byte> packed_in_parts(const IntegerPlan& plan, const IntegerWeights& all) {
  std::vector<std::byte> packed(plan.packed_bytes());
  const int64_t channels = plan.shape.out_channels;
  for (int64_t first = 0; first < channels; first += plan.width) {
    IntegerWeights part = all;
    part.data += first * all.out;
    pack_integers(plan, part, first, std::min(plan.width, channels - first), packed.data());
  }
  return packed;
}

std::vector<std::byte> found(const IntegerShape& s, const Data& d, IntegerFinish finish, bool wide, int workers) {
  finish.inverse = exact_inverse(finish.out_scale);
  const int64_t area = s.kernel_height * s.kernel_width;
  const IntegerWeights weights{d.weights.data(), s.channels / s.groups * area, area, s.kernel_width, 1, d.weight_zero_point};
  const IntegerPlan plan = plan_integers(s, wide, weights);
  std::vector<std::byte> packed(plan.packed_bytes()), workspace(plan.workspace_bytes(workers) + 64, std::byte{0x5a});
  pack_integers(plan, weights, packed.data());
  if (s.groups == 1) {
    EXPECT_EQ(packed_in_parts(plan, weights), packed);
  }
  std::vector<std::byte> out(at(output_size(s) * bytes_of(finish.output)) + 64, std::byte{0xa5});
  IntegerOperands operands{d.src.data(), d.src_signed,     d.src_zero_point, packed.data(),
                           out.data(),   workspace.data(), workers};
  multiply_integers(plan, operands, finish);
  for (std::size_t i = out.size() - 64; i < out.size(); ++i) EXPECT_EQ(out[i], std::byte{0xa5}) << "behind the result";
  out.erase(out.end() - 64, out.end());
  return out;
}

/// Weights of which few are so large that neighbours saturate int16.
Data mostly_small(Data d) {
  for (std::size_t i = 0; i < d.weights.size(); ++i)
    if (i % 97 != 0) d.weights[i] = static_cast<std::int8_t>(d.weights[i] / 2);
  return d;
}

void expect_equal(const IntegerShape& s, const Data& d, const IntegerFinish& finish, bool wide = false, int workers = 1) {
  if (isa() == Isa::Avx2 && !has_vnni() && !wide) {
    const Data small = mostly_small(d);
    EXPECT_EQ(found(s, small, finish, wide, workers), expected(s, small, finish)) << "in pairs";
  }
  EXPECT_EQ(found(s, d, finish, wide, workers), expected(s, d, finish))
      << s.images << "x" << s.height << "x" << s.width << "x" << s.channels << " to " << s.out_channels << " in " << s.groups
      << ", kernel " << s.kernel_height << "x" << s.kernel_width;
}

IntegerShape product(int64_t m, int64_t k, int64_t n) {
  return {.images = m, .channels = k, .out_channels = n};
}

IntegerShape convolution(int64_t images, int64_t size, int64_t channels, int64_t out, int64_t kernel, int64_t stride,
                         int64_t pad, int64_t dilation = 1, int64_t groups = 1) {
  IntegerShape s{.images = images, .height = size, .width = size + 1, .channels = channels};
  s.kernel_height = s.kernel_width = kernel;
  s.stride_height = s.stride_width = stride;
  s.dilation_height = s.dilation_width = dilation;
  s.top = s.left = pad;
  s.out_height = (s.height + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  s.out_width = (s.width + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  s.out_channels = out;
  s.groups = groups;
  return s;
}

class IntegerKernels : public EveryIsa {};

TEST_P(IntegerKernels, MultiplyMatricesOfAnyShape) {
  for (const int64_t m : {1, 2, 5, 7, 13, 24, 300})
    for (const int64_t k : {1, 3, 4, 31, 64, 130})
      for (const int64_t n : {1, 15, 16, 17, 33, 64}) {
        const IntegerShape s = product(m, k, n);
        expect_equal(s, make_data(s, false, 3, 0), {.output = Output::Int32});
      }
}

TEST_P(IntegerKernels, SumExtremesWithoutSaturation) {
  for (const bool wide : {false, true}) {
    const IntegerShape s = product(7, 4096, 18);
    Data d = make_data(s, false, wide ? 255 : 0, wide ? 127 : 0);
    std::fill(d.src.begin(), d.src.end(), std::byte{static_cast<unsigned char>(wide ? 0 : 255)});
    for (std::size_t i = 0; i < d.weights.size(); ++i)
      d.weights[i] = static_cast<std::int8_t>(i / 4096 % 2 != 0 && !wide ? 127 : -128);
    expect_equal(s, d, {.output = Output::Int32}, wide);
  }
}

TEST_P(IntegerKernels, ConvolveWithAnyGeometry) {
  for (const IntegerShape& s :
       {convolution(1, 9, 16, 16, 1, 1, 0), convolution(2, 9, 20, 33, 1, 2, 0), convolution(1, 8, 5, 7, 1, 3, 2),
        convolution(2, 11, 12, 40, 3, 1, 1), convolution(1, 12, 16, 20, 3, 2, 1), convolution(1, 30, 3, 17, 7, 2, 3),
        convolution(1, 13, 8, 16, 3, 1, 2, 2), convolution(2, 10, 24, 36, 3, 1, 1, 1, 3),
        convolution(1, 10, 8, 8, 3, 2, 1, 1, 8), convolution(1, 9, 6, 70, 5, 1, 4, 1, 2), convolution(1, 4, 4, 4, 4, 1, 0),
        convolution(1, 70, 64, 16, 3, 1, 1), convolution(3, 2, 3, 3, 2, 2, 1)})
    for (const bool is_signed : {false, true})
      expect_equal(s, make_data(s, is_signed, is_signed ? -7 : 130, 0), {.output = Output::Int32});
}

TEST_P(IntegerKernels, ConvolveSingleRowsAndColumns) {
  IntegerShape row{.width = 700, .channels = 3, .out_width = 350, .out_channels = 5, .kernel_width = 4, .stride_width = 2};
  row.left = 1;
  IntegerShape column{.height = 90, .channels = 8, .out_height = 90, .out_channels = 20, .kernel_height = 5};
  column.top = 2;
  for (const IntegerShape& s : {row, column}) expect_equal(s, make_data(s, false, 9, 0), {.output = Output::Int32});
}

TEST_P(IntegerKernels, TakeAwayZeroPointsOfWeights) {
  for (const std::int32_t zero : {-128, 1, 127}) {
    const IntegerShape s = convolution(1, 9, 20, 18, 3, 1, 1);
    expect_equal(s, make_data(s, false, 77, zero), {.output = Output::Int32}, true);
  }
}

TEST_P(IntegerKernels, FinishInTheOrderOfTheContract) {
  const IntegerShape s = convolution(2, 7, 12, 37, 3, 1, 1);
  for (const Output output : {Output::UInt8, Output::Int8, Output::Float, Output::BFloat16})
    for (const Residual residual : {Residual::None, Residual::UInt8, Residual::Int8, Residual::Float})
      for (const IntegerActivation activation : {IntegerActivation::None, IntegerActivation::LeakyRelu,
                                                 IntegerActivation::HardSwish, IntegerActivation::HardSigmoid}) {
        const Data d = make_data(s, true, 11, 0);
        IntegerFinish f;
        f.output = output;
        f.residual = residual;
        f.activation = activation;
        f.alpha = 0.2f, f.beta = 0.5f;
        f.scale = d.scale.data();
        f.run_scale = 1.25f;
        if (residual != Residual::Int8) f.bias = d.bias.data();
        if (residual != Residual::UInt8) f.factor = d.factor.data();
        f.residual_data = d.residual.data();
        f.residual_scale = 0.03f, f.residual_zero_point = 5;
        if (residual == Residual::Float) f.low = 0.0f, f.high = 3.0f;
        f.out_scale = 0.037f;
        f.out_zero_point = output == Output::UInt8 ? 100 : -3;
        expect_equal(s, d, f);
      }
}

TEST_P(IntegerKernels, QuantizeTilesOfAnyShape) {
  for (const int64_t pixels : {5, 6, 7, 11, 12, 13, 29, 49})
    for (const int64_t depth : {3, 4, 16, 37, 68})
      for (const int64_t out : {8, 16, 24, 32, 40, 48, 64, 80, 96, 100, 144}) {
        const IntegerShape s = product(pixels, depth, out);
        const bool is_signed = (pixels + out) % 3 == 0;
        const Data d = make_data(s, is_signed, is_signed ? -7 : 130, 0);
        for (int kind = 0; kind < 7; ++kind) {
          IntegerFinish f;
          f.output = kind == 6                 ? Output::BFloat16
                     : kind > 3                ? Output::Float
                     : (depth + kind) % 2 == 0 ? Output::UInt8
                                               : Output::Int8;
          f.residual = kind == 1 ? Residual::UInt8 : kind == 2 || kind == 4 ? Residual::Float : Residual::None;
          f.scale = d.scale.data(), f.bias = d.bias.data(), f.run_scale = 0.7f;
          if (kind == 3) f.factor = d.factor.data();
          f.residual_data = d.residual.data(), f.residual_scale = 0.03f, f.residual_zero_point = 101;
          if (depth % 4 == 0) f.low = 0.0f, f.high = 2.5f;
          f.out_scale = 0.037f, f.out_zero_point = f.output == Output::UInt8 ? 20 : -100;
          expect_equal(s, d, f);
        }
      }
}

TEST(IntegerKernels, QuantizeInSteps) {
  cap_isa(Isa::Avx2, false);
  if (isa() != Isa::Avx2) GTEST_SKIP() << "this CPU lacks AVX2";
  for (const int64_t pixels : {1, 2, 3, 7, 12})
    for (const int64_t depth : {16, 40})
      for (const int64_t out : {16, 37}) {
        const IntegerShape s = product(pixels, depth, out);
        Data d = mostly_small(make_data(s, false, 130, 0));
        for (float& scale : d.scale) scale *= 30;
        for (std::size_t c = 0; c < d.factor.size(); c += 3) d.factor[c] *= -1;
        for (int kind = 0; kind < 16; ++kind) {
          IntegerFinish f{.output = kind % 2 == 0 ? Output::UInt8 : Output::Int8, .in_steps = true};
          f.residual = kind / 2 % 4 == 1 ? Residual::UInt8 : kind / 2 % 4 == 2 ? Residual::Int8 : Residual::None;
          f.scale = d.scale.data(), f.bias = d.bias.data();
          if (kind / 2 % 4 == 3) f.factor = d.factor.data();
          f.residual_data = d.residual.data(), f.residual_scale = 0.3f;
          f.out_scale = 0.037f;
          if (kind >= 8) f.low = 0.0f, f.high = 2.5f;
          if (kind % 4 != 0) f.out_zero_point = f.output == Output::UInt8 ? 60 : -100;
          expect_equal(s, d, f);
        }
      }
  IntegerFinish f{.output = Output::UInt8, .out_zero_point = 9, .in_steps = true};
  const IntegerShape s = product(5, 16, 16);
  Data d = mostly_small(make_data(s, false, 130, 0));
  d.scale[3] = std::numeric_limits<float>::infinity(), d.scale[8] = std::nanf("");
  f.scale = d.scale.data(), f.low = 0.0f;
  expect_equal(s, d, f);
  cap_isa(Isa::Avx512, true);
}

TEST_P(IntegerKernels, QuantizeResidualsOfAnySize) {
  const IntegerShape s = product(13, 8, 64);
  Data d = make_data(s, false, 0, 0);
  auto* numbers = reinterpret_cast<float*>(d.residual.data());
  const float inf = std::numeric_limits<float>::infinity();
  for (const float v : {inf, -inf, std::nanf(""), 3e38f, -3e38f, 1e20f}) *numbers = v, numbers += 7;
  IntegerFinish f{.output = Output::UInt8, .residual = Residual::Float, .scale = d.scale.data(), .bias = d.bias.data()};
  f.residual_data = d.residual.data(), f.out_scale = 0.04f, f.out_zero_point = 7;
  expect_equal(s, d, f);
}

TEST_P(IntegerKernels, QuantizeGelu) {
  const IntegerShape s = product(30, 4, 64);
  const Data full = make_data(s, false, 128, 0);
  for (Data d : {full, mostly_small(full)})
    for (const bool factors : {false, true})
      for (const float step : {0.031f, 0.005f, 0.0049f})
        for (const float scale : {1e-5f, 1e-4f, 3e-4f}) {
          std::fill(d.scale.begin(), d.scale.end(), scale);
          IntegerFinish f{.output = Output::UInt8, .activation = IntegerActivation::Gelu, .scale = d.scale.data()};
          f.bias = d.bias.data(), f.out_scale = step, f.out_zero_point = 60;
          if (factors) f.factor = d.factor.data();
          const auto is = found(s, d, f, false, 1);
          f.output = Output::Float;
          const auto should = expected(s, d, f);
          const double within = GetParam().vnni && step >= 0.005f ? 0.002 : (factors ? 1.5 : 1.0) * 4e-7 / step + 1e-4;
          for (int64_t i = 0; i < output_size(s); ++i) {
            const float v = reinterpret_cast<const float*>(should.data())[i];
            const double exact = std::clamp(static_cast<double>(v) / step + 60, 0.0, 255.0);
            ASSERT_NEAR(static_cast<int>(is[at(i)]), exact, 0.5 + within + 4e-7 * std::abs(v) / step) << v << " in " << step;
          }
        }
}

TEST(IntegerKernels, InvertsScalesExactly) {
  Rng rng(5);
  int found = 0;
  for (int i = 0; i < 300; ++i) {
    const float scale = static_cast<float>(0.001 + rng.uniform());
    const Inverse inverse = exact_inverse(scale);
    if (inverse.high == 0) continue;
    ++found;
    for (int k = -300; k <= 300; ++k) {
      float x = (static_cast<float>(k) + 0.5f) * scale;
      for (int j = 0; j < 4; ++j) x = std::nextafterf(x, -1e9f);
      for (int j = 0; j < 9; ++j, x = std::nextafterf(x, 1e9f))
        ASSERT_EQ(std::rint(std::fma(x, inverse.high, x * inverse.low)), std::rint(x / scale)) << x << " / " << scale;
    }
  }
  EXPECT_GT(found, 290);
  EXPECT_EQ(exact_inverse(0.0f).high, 0.0f);
  EXPECT_EQ(exact_inverse(-1.0f).high, 0.0f);
}

TEST_P(IntegerKernels, ApproachSmoothActivations) {
  const IntegerShape s = product(64, 1, 33);
  Data d = make_data(s, false, 100, 0);
  for (const float scale : {1e-6f, 1e-4f, 1e-3f, 0.02f, 0.3f})
    for (const IntegerActivation activation : {IntegerActivation::Sigmoid, IntegerActivation::Tanh, IntegerActivation::Silu,
                                               IntegerActivation::Gelu, IntegerActivation::GeluTanh}) {
      std::fill(d.scale.begin(), d.scale.end(), scale);
      IntegerFinish f;
      f.activation = activation;
      f.scale = d.scale.data();
      const auto is = found(s, d, f, false, 1), should = expected(s, d, f);
      for (int64_t i = 0; i < output_size(s); ++i) {
        const float a = reinterpret_cast<const float*>(is.data())[i], b = reinterpret_cast<const float*>(should.data())[i];
        ASSERT_NEAR(a, b, 4e-7 * (1 + std::abs(b))) << static_cast<int>(activation);
      }
    }
}

TEST_P(IntegerKernels, RoundHalvesToEvenAndSaturate) {
  const IntegerShape s = product(64, 1, 33);
  Data d = make_data(s, false, 0, 0);
  for (std::size_t i = 0; i < d.src.size(); ++i) d.src[i] = static_cast<std::byte>(i * 4 + 1);
  for (std::size_t i = 0; i < d.weights.size(); ++i) d.weights[i] = static_cast<std::int8_t>(static_cast<int>(i * 8) - 128);
  for (const float scale : {2.0f, 0.1f, 3e-39f, 1e38f, 8.0f}) {
    std::fill(d.scale.begin(), d.scale.end(), scale / 4);
    expect_equal(s, d, {.output = Output::UInt8, .scale = d.scale.data(), .out_scale = scale, .out_zero_point = 3});
  }
  d.scale[5] = std::numeric_limits<float>::infinity();
  d.scale[6] = std::nanf("");
  expect_equal(s, d, {.output = Output::Int8, .scale = d.scale.data(), .out_scale = 0.5f, .out_zero_point = -9});
  IntegerFinish gelu{.activation = IntegerActivation::Gelu, .scale = d.scale.data()};
  EXPECT_TRUE(std::isnan(reinterpret_cast<const float*>(found(s, d, gelu, false, 1).data())[6]));
  EXPECT_TRUE(std::isnan(static_cast<float>(reinterpret_cast<const BFloat16*>(
      found(s, d, {.output = Output::BFloat16, .scale = d.scale.data()}, false, 1).data())[6])));
}

TEST_P(IntegerKernels, AgreeForAnyNumberOfShares) {
  for (const IntegerShape& s : {convolution(3, 20, 64, 50, 3, 1, 1), product(1, 300, 1000), product(700, 200, 40),
                                convolution(1, 10, 24, 36, 3, 1, 1, 1, 3)}) {
    const Data d = make_data(s, false, 128, 0);
    for (const int workers : {1, 2, 3, 16}) {
      set_threads(std::min(workers, 2));
      expect_equal(s, d, {.output = Output::Int32}, false, workers);
    }
    set_threads(0);
  }
}

TEST(IntegerKernels, PairsFoursUnlessTooManyAreHalved) {
  cap_isa(Isa::Avx2, false);
  if (isa() != Isa::Avx2) GTEST_SKIP() << "this CPU lacks AVX2";
  const IntegerShape s = product(8, 300, 64);
  const Data full = make_data(s, false, 0, 0), small = mostly_small(full);
  const auto plan = [&](const Data& d) { return plan_integers(s, false, {d.weights.data(), s.channels, 1, 1, 1, 0}); };
  EXPECT_TRUE(plan(small).paired);
  EXPECT_GT(plan(small).fours, 75);
  EXPECT_FALSE(plan(full).paired);
  cap_isa(Isa::Avx512, true);
}

TEST(IntegerKernels, KnowsWhichSumsFit) {
  EXPECT_TRUE(fits_int32(product(1, 65793, 1), false));
  EXPECT_FALSE(fits_int32(product(1, 65794, 1), false));
  EXPECT_FALSE(fits_int32(product(1, 33026, 1), true));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, IntegerKernels, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
