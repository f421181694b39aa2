// Attention against its definition in double, on every variant; and independence of the number of threads.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

class AttentionKernel : public EveryIsa {};

/// [batch, rows, heads, columns] seen as matrices of rows × columns: what a Reshape and a Transpose of heads make.
struct Heads {
  std::vector<I64> at;
  Strided strided;
  Heads(I64 batch, I64 heads, I64 rows, I64 columns) {
    for (I64 b = 0; b < batch; ++b)
      for (I64 h = 0; h < heads; ++h) at.push_back(b * rows * heads * columns + h * columns);
    strided = {nullptr, heads * columns, 1};
  }
};

struct Case {
  I64 batch, heads, queries, keys, depth, width;
};

template <class T>
struct Problem {
  Case c;
  Heads q_heads, k_heads, v_heads, out_heads;
  std::vector<T> q, k, v;
  std::vector<float> mask;
  std::vector<I64> zeros;
  Attention how;

  explicit Problem(const Case& given)
      : c(given),
        q_heads(c.batch, c.heads, c.queries, c.depth),
        k_heads(c.batch, c.heads, c.keys, c.depth),
        v_heads(c.batch, c.heads, c.keys, c.width),
        out_heads(c.batch, c.heads, c.queries, c.width) {
    Rng rng(7);
    const auto fill = [&](std::vector<T>& values, I64 count) {
      for (I64 i = 0; i < count; ++i) values.emplace_back(static_cast<float>(rng.uniform() * 4 - 2));
    };
    fill(q, c.batch * c.heads * c.queries * c.depth);
    fill(k, c.batch * c.heads * c.keys * c.depth);
    fill(v, c.batch * c.heads * c.keys * c.width);
    how.matrices = c.batch * c.heads;
    how.queries = c.queries, how.keys = c.keys, how.depth = c.depth, how.width = c.width;
    how.scale = 1.0f / std::sqrt(static_cast<float>(c.depth));
    zeros.assign(static_cast<std::size_t>(how.matrices), 0);
    connect();
  }
  void connect() {
    how.q = q_heads.strided, how.k = k_heads.strided, how.v = v_heads.strided, how.out = out_heads.strided;
    how.q.at = q_heads.at.data(), how.k.at = k_heads.at.data(), how.v.at = v_heads.at.data();
    how.out.at = out_heads.at.data();
  }
  std::size_t outputs() const { return static_cast<std::size_t>(how.matrices * c.queries * c.width); }

  /// In double; `rounded`: what becomes of a probability.
  std::vector<double> expected(double (*rounded)(double)) const {
    std::vector<double> out(outputs());
    for (I64 i = 0; i < how.matrices; ++i)
      for (I64 r = 0; r < c.queries; ++r) expect_row(i, r, rounded, out);
    return out;
  }

  void expect_row(I64 i, I64 r, double (*rounded)(double), std::vector<double>& out) const {
    const auto number = [](const std::vector<T>& values, I64 at) {
      return static_cast<double>(static_cast<float>(values[static_cast<std::size_t>(at)]));
    };
    std::vector<double> p(static_cast<std::size_t>(c.keys));
    double most = -INFINITY, sum = 0;
    for (I64 t = 0; t < c.keys; ++t) {
      double s = 0;
      for (I64 d = 0; d < c.depth; ++d)
        s += number(q, how.q.at[i] + r * how.q.row + d * how.q.column) *
             number(k, how.k.at[i] + t * how.k.row + d * how.k.column);
      s *= static_cast<double>(how.scale);
      if (!mask.empty())
        s += static_cast<double>(mask[static_cast<std::size_t>(r * how.mask_at.row + t * how.mask_at.column)]);
      p[static_cast<std::size_t>(t)] = s;
      most = std::max(most, s);
    }
    for (double& s : p) sum += s = std::exp(s - most);
    for (double& s : p) s = rounded(s / sum);
    for (I64 w = 0; w < c.width; ++w) {
      double o = 0;
      for (I64 t = 0; t < c.keys; ++t)
        o += p[static_cast<std::size_t>(t)] * number(v, how.v.at[i] + t * how.v.row + w * how.v.column);
      out[static_cast<std::size_t>(how.out.at[i] + r * how.out.row + w)] = o;
    }
  }
};

template <class T>
std::vector<T> computed(const Problem<T>& p) {
  std::vector<T> out(p.outputs());
  attention(p.how, p.q.data(), p.k.data(), p.v.data(), out.data());
  return out;
}

double as_it_is(double x) {
  return x;
}
double in_bf16(double x) {
  return static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(x))));
}
/// The steps of probabilities, and how many there are.
constexpr double kShare = 0.004, kFine = 1.0 / 32767;
double in_8_bits(double x) {
  return std::min(255.0, std::nearbyint(x / kShare)) * kShare;
}
double in_16_bits(double x) {
  return std::nearbyint(x / kFine) * kFine;
}

// FP32 sums of up to 512 numbers of magnitude 2, and exp to 3e-7.
constexpr double kClose = 5e-6;
// BF16 results: half a unit in the last place of numbers below 2, and probabilities that round differently.
constexpr double kCloseInBf16 = 1.5e-2;

template <class T>
void expect_close(const Problem<T>& p, const std::vector<T>& found, double most) {
  const auto wanted = p.expected(sizeof(T) == 2 ? in_bf16 : as_it_is);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(static_cast<double>(static_cast<float>(found[i])), wanted[i], most) << "element " << i;
}

const Case kCases[] = {{1, 1, 1, 1, 1, 1},     {1, 2, 5, 7, 3, 5},     {2, 3, 24, 16, 8, 8},    {1, 2, 25, 33, 64, 64},
                       {1, 1, 99, 99, 64, 64}, {1, 2, 50, 130, 17, 9}, {1, 1, 30, 512, 32, 80}, {2, 1, 7, 64, 4, 100}};

TEST_P(AttentionKernel, EqualsTheDefinitionInFp32) {
  for (const Case& c : kCases) {
    const Problem<float> p(c);
    expect_close(p, computed(p), kClose);
  }
}

TEST_P(AttentionKernel, EqualsTheDefinitionInBf16) {
  for (const Case& c : kCases) {
    const Problem<BFloat16> p(c);
    expect_close(p, computed(p), kCloseInBf16);
  }
}

template <class T>
void add_mask(Problem<T>& p, I64 row) {
  Rng rng(3);
  for (I64 i = 0; i < p.c.queries * p.c.keys; ++i) p.mask.push_back(static_cast<float>(rng.uniform() * 3));
  p.how.mask = p.mask.data();
  p.how.mask_at = {p.zeros.data(), row, 1};
}

/// For as many queries as keys; what each of them sees.
template <class T>
std::vector<I64> hide_later_keys(Problem<T>& p) {
  std::vector<I64> visible;
  for (I64 r = 0; r < p.c.keys; ++r) {
    visible.push_back(r + 1);
    for (I64 t = 0; t < p.c.keys; ++t) p.mask.push_back(t <= r ? 0.0f : -1e9f);
  }
  p.how.mask = p.mask.data();
  p.how.mask_at = {p.zeros.data(), p.c.keys, 1};
  return visible;
}

TEST_P(AttentionKernel, AddsAMaskPerRowOrOneForAll) {
  for (const I64 row : {0, 130}) {
    Problem<float> p({1, 2, 50, 130, 16, 16});
    add_mask(p, row);
    expect_close(p, computed(p), kClose);
  }
}

TEST_P(AttentionKernel, AddsOneNumberPerQuery) {
  Problem<float> p({1, 1, 9, 21, 4, 4});
  add_mask(p, 1);
  p.how.mask_at.column = 0;
  expect_close(p, computed(p), kClose);
}

TEST_P(AttentionKernel, LooksAtVisibleKeysOnly) {
  Problem<float> p({1, 2, 60, 60, 8, 8});
  const std::vector<I64> visible = hide_later_keys(p);
  const auto all = computed(p);
  p.how.visible = visible.data();
  const auto some = computed(p);
  EXPECT_EQ(all, some);
  expect_close(p, some, kClose);
}

TEST_P(AttentionKernel, ReadsTransposedOperands) {
  Problem<float> p({1, 1, 11, 13, 6, 5});
  p.how.q.row = 1, p.how.q.column = 11;
  p.how.k.row = 1, p.how.k.column = 13;
  p.how.v.row = 1, p.how.v.column = 13;
  expect_close(p, computed(p), kClose);
}

TEST_P(AttentionKernel, ReadsTransposedBf16Operands) {
  Problem<BFloat16> p({1, 1, 11, 13, 6, 5});
  p.how.q.row = 1, p.how.q.column = 11;
  p.how.k.row = 1, p.how.k.column = 13;
  p.how.v.row = 1, p.how.v.column = 13;
  expect_close(p, computed(p), kCloseInBf16);
}

TEST_P(AttentionKernel, QuantizesTheResultAsQuantizeDoes) {
  const Problem<float> p({1, 2, 25, 33, 8, 12});
  const auto real = computed(p);
  const Affine8 as{0.02f, 3, true};
  std::vector<std::byte> found(real.size()), wanted(real.size());
  attention(p.how, p.q.data(), p.k.data(), p.v.data(), found.data(), as);
  quantize(real.data(), wanted.data(), static_cast<I64>(real.size()), as);
  EXPECT_TRUE(found == wanted);
}

TEST_P(AttentionKernel, GivesTheSameNumbersForAnyNumberOfThreads) {
  for (const Case& c : {Case{1, 1, 120, 99, 64, 64}, Case{2, 3, 64, 64, 64, 64}}) {
    const Problem<float> p(c);
    const Problem<BFloat16> h(c);
    set_threads(1);
    const auto one = computed(p);
    const auto half_one = computed(h);
    for (const int threads : {2, 3}) {
      set_threads(threads);
      EXPECT_TRUE(one == computed(p));
      EXPECT_TRUE(half_one == computed(h));
    }
  }
}

TEST_P(AttentionKernel, KeepsNanWhereARowHasOne) {
  Problem<float> p({1, 1, 3, 20, 4, 4});
  p.q[5] = NAN;
  const auto found = computed(p);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(std::isnan(found[i]), i / 4 == 1) << i;
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionKernel, kIsas, name_of);

class AttentionOf8Bits : public EveryIsa {};

/// Bytes over the whole range of their type, and in the problem what they stand for.
struct ProblemOf8Bits : Problem<float> {
  std::vector<std::byte> q8, k8, v8;
  Operands8 operands;

  ProblemOf8Bits(const Case& given, const Affine8& as_q, const Affine8& as_k, const Affine8& as_v)
      : Problem<float>(given), q8(q.size()), k8(k.size()), v8(v.size()) {
    Rng rng(11);
    const auto fill = [&](std::vector<std::byte>& bytes, std::vector<float>& reals, const Affine8& as) {
      for (std::byte& b : bytes) b = static_cast<std::byte>(rng.uniform() * 256);
      dequantize(bytes.data(), reals.data(), static_cast<I64>(bytes.size()), as);
    };
    fill(q8, q, as_q), fill(k8, k, as_k), fill(v8, v, as_v);
    operands = {q8.data(), k8.data(), v8.data(), as_q, as_k, as_v};
  }
};

const Affine8 kQ{0.021f, 97, false}, kK{0.017f, -30, true}, kV{0.03f, 140, false};

std::vector<float> computed(const ProblemOf8Bits& p) {
  std::vector<float> out(p.outputs());
  attention(p.how, p.operands, out.data());
  return out;
}

/// Probabilities may fall on the other side of a tie; few do.
void expect_close(const ProblemOf8Bits& p, const std::vector<float>& found, double step, double (*rounded)(double)) {
  const auto wanted = p.expected(rounded);
  const double one = step * 255 * static_cast<double>(p.operands.as_v.scale);
  std::size_t far = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double error = std::fabs(static_cast<double>(found[i]) - wanted[i]);
    ASSERT_LE(error, one + 1e-5) << "element " << i;
    far += error > 1e-4;
  }
  EXPECT_LE(far, wanted.size() / 50) << "of " << wanted.size();
}
void expect_close(const ProblemOf8Bits& p, const std::vector<float>& found) {
  expect_close(p, found, 2 * kFine, in_16_bits);
}

TEST_P(AttentionOf8Bits, TakesProbabilitiesInStepsThatTheCallerNames) {
  for (const Case& c : kCases) {
    ProblemOf8Bits p(c, kQ, kK, kV);
    p.operands.share = static_cast<float>(kShare);
    expect_close(p, computed(p), kShare, in_8_bits);
  }
}

TEST_P(AttentionOf8Bits, EqualsTheDefinition) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.keys << " keys, " << c.depth << " deep");
    const ProblemOf8Bits p(c, kQ, kK, kV);
    expect_close(p, computed(p));
  }
}

TEST_P(AttentionOf8Bits, TakesEitherTypeForEachOperand) {
  for (const bool q : {false, true})
    for (const bool k : {false, true})
      for (const bool v : {false, true}) {
        const ProblemOf8Bits p({2, 2, 30, 21, 12, 20}, {0.02f, 3, q}, {0.02f, 5, k}, {0.03f, 7, v});
        expect_close(p, computed(p));
      }
}

TEST_P(AttentionOf8Bits, AddsAMask) {
  ProblemOf8Bits p({1, 2, 50, 130, 16, 16}, kQ, kK, kV);
  add_mask(p, 130);
  expect_close(p, computed(p));
}

TEST_P(AttentionOf8Bits, LooksAtVisibleKeysOnly) {
  ProblemOf8Bits p({1, 2, 60, 60, 8, 8}, kQ, kK, kV);
  const std::vector<I64> visible = hide_later_keys(p);
  const auto all = computed(p);
  p.how.visible = visible.data();
  EXPECT_EQ(all, computed(p));
  expect_close(p, all);
}

TEST_P(AttentionOf8Bits, ReadsTransposedOperands) {
  ProblemOf8Bits p({1, 1, 11, 13, 6, 5}, kQ, kK, kV);
  p.how.q.row = 1, p.how.q.column = 11;
  p.how.k.row = 1, p.how.k.column = 13;
  p.how.v.row = 1, p.how.v.column = 13;
  expect_close(p, computed(p));
}

TEST_P(AttentionOf8Bits, QuantizesTheResultAsQuantizeDoes) {
  const ProblemOf8Bits p({1, 2, 25, 33, 8, 12}, kQ, kK, kV);
  const auto real = computed(p);
  const Affine8 as{0.02f, 3, true};
  std::vector<std::byte> found(real.size()), wanted(real.size());
  attention(p.how, p.operands, found.data(), as);
  quantize(real.data(), wanted.data(), static_cast<I64>(real.size()), as);
  EXPECT_TRUE(found == wanted);
}

TEST_P(AttentionOf8Bits, GivesTheSameNumbersForAnyNumberOfThreads) {
  const ProblemOf8Bits p({2, 3, 64, 99, 64, 64}, kQ, kK, kV);
  set_threads(1);
  const auto one = computed(p);
  for (const int threads : {2, 3}) {
    set_threads(threads);
    EXPECT_TRUE(one == computed(p));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionOf8Bits, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
