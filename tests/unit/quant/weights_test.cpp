#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/quant/pairs.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

struct Layout {
  ir::Shape shape;
  PairOrder order;
  int axis;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {{8, 16, 3, 3}, PairOrder::Conv, 0}, {{8, 3, 3, 3}, PairOrder::Conv, 0},  {{6, 5, 1, 1}, PairOrder::Conv, 0},
      {{4, 1, 5, 5}, PairOrder::Conv, 0},  {{7, 2, 3}, PairOrder::Conv, 0},     {{16, 1, 3, 3}, PairOrder::None, 0},
      {{33, 10}, PairOrder::MatMulKN, 1},  {{2, 8, 6}, PairOrder::MatMulKN, 2}, {{10, 33}, PairOrder::GemmNK, 0},
      {{1, 1}, PairOrder::GemmNK, 0},      {{1, 1, 1, 1}, PairOrder::Conv, 0},
  };
  return all;
}

/// Weights with heavy tails and long runs of one sign, so that pairs matter.
ir::Tensor trained_like(const ir::Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  ir::Tensor t(DType::Float, shape);
  float* w = t.mutable_data<float>();
  for (std::int64_t i = 0; i < t.count(); ++i) {
    const double u = rng.uniform() * 1.4 - 0.2;
    w[i] = static_cast<float>(u * u * u);
  }
  return t;
}

/// The columns of K, as lists of flat indices in the order in which a kernel packs them.
std::vector<std::vector<std::int64_t>> columns(const Layout& l) {
  std::vector<std::vector<std::int64_t>> all;
  if (l.order == PairOrder::None) return all;
  if (l.order == PairOrder::MatMulKN) {
    const std::int64_t k = l.shape[l.shape.size() - 2], n = l.shape.back(), outer = ir::element_count(l.shape) / (k * n);
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t j = 0; j < n; ++j) {
        all.emplace_back();
        for (std::int64_t i = 0; i < k; ++i) all.back().push_back((o * k + i) * n + j);
      }
    return all;
  }
  const std::int64_t channels = l.shape[1], taps = ir::element_count(l.shape) / (l.shape[0] * channels);
  for (std::int64_t o = 0; o < l.shape[0]; ++o) {
    const std::int64_t base = o * channels * taps;
    std::vector<std::int64_t> stored, last;
    for (std::int64_t p = 0; p < channels * taps; ++p) stored.push_back(base + p);
    for (std::int64_t t = 0; t < taps; ++t) {
      std::vector<std::int64_t> tap;
      for (std::int64_t i = 0; i < channels; ++i) tap.push_back(base + i * taps + t);
      last.insert(last.end(), tap.begin(), tap.end());
      all.push_back(tap);
    }
    all.push_back(stored);
    all.push_back(last);
  }
  return all;
}

std::int16_t saturated(int x) {
  return static_cast<std::int16_t>(std::clamp(x, -32768, 32767));
}

/// Whether any u8 operands make vpmaddubsw saturate: the extremes are 255 where the weights have one sign and 0 elsewhere.
bool saturates(const std::int8_t* w, const std::vector<std::int64_t>& column) {
  for (std::size_t i = 0; i + 1 < column.size(); i += 2)
    for (const int x : {0, 255})
      for (const int y : {0, 255}) {
        const int sum = x * w[column[i]] + y * w[column[i + 1]];
        if (saturated(sum) != sum) return true;
      }
  return false;
}

__attribute__((target("avx2"))) bool hardware_saturates(const std::int8_t* w, const std::vector<std::int64_t>& column) {
  for (std::size_t first = 0; first < column.size(); first += 32) {
    alignas(32) std::int8_t weights[32] = {};
    for (std::size_t i = 0; i < 32 && first + i < column.size(); ++i) weights[i] = w[column[first + i]];
    for (const bool positive : {true, false}) {
      alignas(32) std::uint8_t data[32];
      for (int i = 0; i < 32; ++i) data[i] = (weights[i] > 0) == positive ? 255 : 0;
      alignas(32) std::int16_t sums[16];
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums),
                         _mm256_maddubs_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(data)),
                                              _mm256_load_si256(reinterpret_cast<const __m256i*>(weights))));
      for (int i = 0; i < 16; ++i)
        if (sums[i] != data[2 * i] * weights[2 * i] + data[2 * i + 1] * weights[2 * i + 1]) return true;
    }
  }
  return false;
}

Scheme scheme_of(WeightBound bound, Granularity granularity = Granularity::PerChannel) {
  return {DType::Int8, Symmetry::Symmetric, granularity, RangeMethod::MinMax, bound};
}

TEST(Pairs, AreThoseOfEveryPackingOrder) {
  for (const Layout& l : layouts()) {
    std::set<std::pair<std::int64_t, std::int64_t>> expected, got;
    for (const auto& column : columns(l))
      for (std::size_t i = 0; i + 1 < column.size(); i += 2) expected.emplace(column[i], column[i + 1]);
    for_each_pair(l.shape, l.order, [&](std::int64_t i, std::int64_t j) { got.emplace(i, j); });
    EXPECT_EQ(got, expected) << ir::TensorType::of(DType::Int8, l.shape).to_string();
  }
}

TEST(CannotSaturate, LimitIs128) {
  const auto answer = [](std::int8_t a, std::int8_t b) {
    const bool may{cannot_saturate(ir::Tensor::of<std::int8_t>({2, 1}, {a, b}), PairOrder::MatMulKN)};
    const auto rows = ir::Tensor::of<std::int8_t>({3, 2}, {1, 1, a, b, 1, 1});
    EXPECT_EQ(static_cast<bool>(cannot_saturate(rows, PairOrder::GemmNK)), may) << +a << " and " << +b;
    return may;
  };
  EXPECT_TRUE(answer(64, 64));
  EXPECT_FALSE(answer(65, 64));
  EXPECT_TRUE(answer(-64, -64));
  EXPECT_FALSE(answer(-64, -65));
  EXPECT_TRUE(answer(127, -127));
  EXPECT_TRUE(answer(-128, 127));
  EXPECT_TRUE(answer(-128, 0));
  EXPECT_FALSE(answer(127, 2));
}

TEST(CannotSaturate, SaysWhichWeightsMeet) {
  const Support s = cannot_saturate(ir::Tensor::of<std::int8_t>({1, 4}, {1, 2, 100, 90}), PairOrder::GemmNK);
  EXPECT_EQ(s.why_not(), "weights 100 and 90 form a pair whose magnitudes add up to 190, at most 128 expected");
  EXPECT_FALSE(cannot_saturate(ir::Tensor::of<float>({1, 2}, {1, 2}), PairOrder::GemmNK));
}

TEST(CannotSaturate, AgreesWithTheInstruction) {
  const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  Rng rng(4);
  for (int round = 0; round < 300; ++round)
    for (const Layout& l : layouts()) {
      ir::Tensor q(DType::Int8, l.shape);
      const auto range = 40 + rng.below(88);
      for (std::int64_t i = 0; i < q.count(); ++i)
        q.mutable_data<std::int8_t>()[i] =
            static_cast<std::int8_t>(static_cast<int>(rng.below(2 * range)) - static_cast<int>(range));
      bool expected = true;
      for (const auto& column : columns(l)) {
        const bool emulated = saturates(q.data<std::int8_t>(), column);
        expected &= !emulated;
        ASSERT_TRUE(!avx2 || hardware_saturates(q.data<std::int8_t>(), column) == emulated);
      }
      ASSERT_EQ(static_cast<bool>(cannot_saturate(q, l.order)), expected);
    }
}

TEST(PairBoundedWeights, NeverSaturateForAnyData) {
  const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const Layout& l : layouts())
      for (const Granularity g : {Granularity::PerChannel, Granularity::PerTensor}) {
        const auto w = quantize_weight(trained_like(l.shape, seed), scheme_of(WeightBound::PairBounded, g), l.axis, l.order);
        ASSERT_TRUE(cannot_saturate(w.q, l.order));
        for (const auto& column : columns(l)) {
          ASSERT_FALSE(saturates(w.q.data<std::int8_t>(), column));
          ASSERT_FALSE(avx2 && hardware_saturates(w.q.data<std::int8_t>(), column));
        }
      }
}

TEST(Weights, NameTheElementThatIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for (const Layout& l : layouts()) {
      ir::Tensor weight = trained_like(l.shape, 1);
      const std::int64_t place = weight.count() * 2 / 3;
      weight.mutable_data<float>()[place] = bad;
      try {
        quantize_weight(weight, scheme_of(WeightBound::Full), l.axis, l.order);
        ADD_FAILURE() << "not refused";
      } catch (const ModelError& error) {
        EXPECT_NE(error.full_message().find("at element " + std::to_string(place)), std::string::npos)
            << error.full_message();
      }
    }
}

TEST(FullWeights, DoSaturate) {
  const Layout& l = layouts()[0];
  const auto w = quantize_weight(trained_like(l.shape, 1), scheme_of(WeightBound::Full), l.axis, l.order);
  EXPECT_FALSE(cannot_saturate(w.q, l.order));
  bool any = false;
  for (const auto& column : columns(l)) any |= saturates(w.q.data<std::int8_t>(), column);
  EXPECT_TRUE(any);
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2";
  bool hardware = false;
  for (const auto& column : columns(l)) hardware |= hardware_saturates(w.q.data<std::int8_t>(), column);
  EXPECT_TRUE(hardware);
}

TEST(PairBoundedWeights, GrowTheScaleNoMoreThanNeeded) {
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const Layout& l : layouts()) {
      const ir::Tensor weight = trained_like(l.shape, seed);
      const auto full = quantize_weight(weight, scheme_of(WeightBound::Full), l.axis, l.order);
      const auto bounded = quantize_weight(weight, scheme_of(WeightBound::PairBounded), l.axis, l.order);
      std::vector<double> sums(full.qparams.scale.size(), 0);
      std::int64_t inner = 1;
      for (std::size_t i = static_cast<std::size_t>(l.axis) + 1; i < l.shape.size(); ++i) inner *= l.shape[i];
      const auto w = weight.values<float>();
      for (const auto& column : columns(l))
        for (std::size_t i = 0; i + 1 < column.size(); i += 2) {
          const double a = static_cast<double>(w[static_cast<std::size_t>(column[i])]);
          const double b = static_cast<double>(w[static_cast<std::size_t>(column[i + 1])]);
          auto& sum = sums[static_cast<std::size_t>(column[i] / inner % l.shape[static_cast<std::size_t>(l.axis)])];
          if ((a < 0) == (b < 0)) sum = std::max(sum, std::fabs(a + b));
        }
      for (std::size_t c = 0; c < sums.size(); ++c) {
        const double ratio = static_cast<double>(bounded.qparams.scale[c]) / static_cast<double>(full.qparams.scale[c]);
        EXPECT_GE(ratio, 1.0);
        EXPECT_LE(ratio, 2.0001);
        EXPECT_LE(static_cast<double>(bounded.qparams.scale[c]),
                  1.00001 * std::max(static_cast<double>(full.qparams.scale[c]), sums[c] / 127));
      }
    }
}

TEST(PairBoundedWeights, DepthwiseKeepsFullRange) {
  const ir::Tensor weight = trained_like({16, 1, 3, 3}, 2);
  EXPECT_EQ(quantize_weight(weight, scheme_of(WeightBound::PairBounded), 0, PairOrder::None).qparams,
            quantize_weight(weight, scheme_of(WeightBound::Full), 0, PairOrder::None).qparams);
}

TEST(SevenBitWeights, StayWithin63) {
  for (const Layout& l : layouts()) {
    const auto w = quantize_weight(trained_like(l.shape, 3), scheme_of(WeightBound::SevenBit), l.axis, l.order);
    int largest = 0;
    for (const auto q : w.q.values<std::int8_t>()) largest = std::max(largest, std::abs(static_cast<int>(q)));
    EXPECT_EQ(largest, 63);
    EXPECT_TRUE(cannot_saturate(w.q, l.order));
  }
}

TEST(QuantizeWeight, FullRangeReaches127PerChannel) {
  const ir::Tensor weight = random_tensor({5, 4, 3, 3}, 8);
  const auto w = quantize_weight(weight, scheme_of(WeightBound::Full), 0, PairOrder::Conv);
  for (std::int64_t c = 0; c < 5; ++c) {
    int largest = 0;
    float largest_weight = 0;
    for (std::int64_t i = 0; i < 36; ++i) {
      largest = std::max(largest, std::abs(static_cast<int>(w.q.data<std::int8_t>()[c * 36 + i])));
      largest_weight = std::max(largest_weight, std::fabs(weight.data<float>()[c * 36 + i]));
    }
    EXPECT_EQ(largest, 127);
    EXPECT_FLOAT_EQ(w.qparams.scale[static_cast<std::size_t>(c)], largest_weight / 127);
  }
  EXPECT_TRUE(ir::identical(w.q, quantize(weight, w.qparams)));
}

TEST(QuantizeWeight, ChannelsOfZerosAndTinyOrHugeWeightsAreSafe) {
  ir::Tensor weight = random_tensor({4, 6}, 8);
  float* w = weight.mutable_data<float>();
  for (int i = 0; i < 6; ++i) {
    w[i] = 0;
    w[6 + i] = std::numeric_limits<float>::denorm_min();
    w[12 + i] = std::numeric_limits<float>::max();
  }
  for (const WeightBound bound : {WeightBound::Full, WeightBound::SevenBit, WeightBound::PairBounded}) {
    const auto out = quantize_weight(weight, scheme_of(bound), 0, PairOrder::GemmNK);
    for (const float s : out.qparams.scale) EXPECT_TRUE(std::isnormal(s));
    for (int i = 0; i < 6; ++i) EXPECT_EQ(out.q.data<std::int8_t>()[i], 0);
  }
  const auto zeros =
      quantize_weight(ir::Tensor::of<float>({2, 1}, {0, 0}), scheme_of(WeightBound::PairBounded), 1, PairOrder::MatMulKN);
  EXPECT_TRUE(std::isnormal(zeros.qparams.scale[0]));
}

TEST(QuantizeWeight, RefusesWhatItCannotDo) {
  EXPECT_THROW(
      quantize_weight(ir::Tensor::of<float>({1, 2}, {1, std::nanf("")}), default_weight_scheme(), 0, PairOrder::GemmNK),
      ModelError);
  Scheme u8 = default_weight_scheme();
  u8.dtype = DType::UInt8;
  EXPECT_THROW(quantize_weight(ir::Tensor::of<float>({1, 2}, {1, 2}), u8, 0, PairOrder::GemmNK), ConfigError);
}

TEST(WeightCache, QuantizesOncePerContentAndScheme) {
  WeightCache cache;
  const ir::Tensor a = random_tensor({4, 6}, 1), same = random_tensor({4, 6}, 1), other = random_tensor({4, 6}, 2);
  const auto first = cache.get(a, default_weight_scheme(), 0, PairOrder::GemmNK);
  EXPECT_EQ(cache.get(a, default_weight_scheme(), 0, PairOrder::GemmNK), first);
  EXPECT_EQ(cache.get(same, default_weight_scheme(), 0, PairOrder::GemmNK), first);
  EXPECT_NE(cache.get(other, default_weight_scheme(), 0, PairOrder::GemmNK), first);
  EXPECT_NE(cache.get(a, scheme_of(WeightBound::Full), 0, PairOrder::GemmNK), first);
  EXPECT_NE(cache.get(a, default_weight_scheme(), 1, PairOrder::MatMulKN), first);
  EXPECT_NE(cache.get(a.reshaped({6, 4}), default_weight_scheme(), 0, PairOrder::GemmNK), first);
}

}  // namespace
}  // namespace inc::quant
