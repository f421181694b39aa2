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

  /// The row of one query in double; `rounded`: probabilities rounded to BF16.
  std::vector<double> expected(bool rounded) const {
    std::vector<double> out(outputs());
    for (I64 i = 0; i < how.matrices; ++i)
      for (I64 r = 0; r < c.queries; ++r) expect_row(i, r, rounded, out);
    return out;
  }

  void expect_row(I64 i, I64 r, bool rounded, std::vector<double>& out) const {
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
    for (double& s : p)
      s = rounded ? static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(s / sum)))) : s / sum;
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

// FP32 sums of up to 512 numbers of magnitude 2, and exp to 3e-7.
constexpr double kClose = 5e-6;
// BF16 results: half a unit in the last place of numbers below 2, and probabilities that round differently.
constexpr double kCloseInBf16 = 1.5e-2;

template <class T>
void expect_close(const Problem<T>& p, const std::vector<T>& found, double most) {
  const auto wanted = p.expected(sizeof(T) == 2);
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
  std::vector<I64> visible;
  for (I64 r = 0; r < 60; ++r) {
    visible.push_back(r + 1);
    for (I64 t = 0; t < 60; ++t) p.mask.push_back(t <= r ? 0.0f : -1e9f);
  }
  p.how.mask = p.mask.data();
  p.how.mask_at = {p.zeros.data(), 60, 1};
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

}  // namespace
}  // namespace inc::kernels
