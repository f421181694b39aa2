#include <gtest/gtest.h>

#include <cmath>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

using ir::Tensor;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

Tensor random(ir::Shape shape, std::uint64_t seed) {
  Rng rng(seed);
  Floats values(static_cast<std::size_t>(ir::element_count(shape)));
  for (auto& v : values) v = static_cast<float>(rng.uniform() * 2 - 1);
  return Tensor::of(std::move(shape), values);
}

struct Form {
  ir::Shape x, w;
  Ints strides, pads, dilations;
  std::int64_t group;
};

/// A two-dimensional convolution written once more, without any of the production code.
Floats direct(const Form& f, const Tensor& x, const Tensor& w, const ir::Shape& y) {
  Floats out;
  const std::int64_t per_group = f.w[1], out_per_group = f.w[0] / f.group;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t m = 0; m < y[1]; ++m)
      for (std::int64_t oh = 0; oh < y[2]; ++oh)
        for (std::int64_t ow = 0; ow < y[3]; ++ow) {
          double sum = 0;
          for (std::int64_t c = 0; c < per_group; ++c)
            for (std::int64_t i = 0; i < f.w[2]; ++i)
              for (std::int64_t j = 0; j < f.w[3]; ++j) {
                const std::int64_t h = oh * f.strides[0] - f.pads[0] + i * f.dilations[0],
                                   v = ow * f.strides[1] - f.pads[1] + j * f.dilations[1];
                if (h < 0 || v < 0 || h >= f.x[2] || v >= f.x[3]) continue;
                const std::int64_t channel = m / out_per_group * per_group + c;
                sum += static_cast<double>(x.data<float>()[((n * f.x[1] + channel) * f.x[2] + h) * f.x[3] + v]) *
                       static_cast<double>(w.data<float>()[((m * per_group + c) * f.w[2] + i) * f.w[3] + j]);
              }
          out.push_back(static_cast<float>(sum));
        }
  return out;
}

TEST(Conv, MatchesTheDirectSumForEveryForm) {
  const Form forms[] = {{{2, 3, 7, 6}, {4, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
                        {{1, 4, 9, 8}, {4, 1, 3, 3}, {2, 2}, {0, 1, 1, 0}, {1, 1}, 4},
                        {{2, 4, 8, 9}, {6, 2, 3, 2}, {1, 3}, {2, 0, 2, 0}, {2, 3}, 2},
                        {{3, 5, 4, 5}, {7, 5, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
                        {{1, 5, 12, 1}, {3, 5, 5, 1}, {1, 1}, {2, 0, 2, 0}, {1, 1}, 1},
                        {{1, 2, 5, 1}, {3, 2, 2, 3}, {1, 1}, {0, 1, 0, 1}, {1, 1}, 1}};
  for (const auto& f : forms) {
    const Tensor x = random(f.x, 1), w = random(f.w, 2);
    const ir::Attrs attrs = {{"strides", f.strides}, {"pads", f.pads}, {"dilations", f.dilations}, {"group", f.group}};
    const auto y = run_op("Conv", {x, w}, attrs)[0];
    EXPECT_EQ(list<float>(y), direct(f, x, w, y.shape()));
  }
}

TEST(Conv, WorksOnLinesAndVolumes) {
  const auto line = run_op("Conv", {Tensor::of<float>({1, 1, 4}, {1, 2, 3, 4}), Tensor::of<float>({1, 1, 2}, {1, 10})})[0];
  EXPECT_EQ(list<float>(line), (Floats{21, 32, 43}));
  const auto volume = run_op("Conv", {Tensor::of<float>({1, 1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
                                      Tensor::of<float>({1, 1, 2, 2, 2}, Floats(8, 1)), Tensor::of<float>({1}, {0.5f})})[0];
  EXPECT_EQ(list<float>(volume), Floats{36.5f});
}

TEST(Conv, GivesTheSameBitsForAnyNumberOfThreads) {
  const Tensor x = random({3, 8, 20, 20}, 3), w = random({8, 8, 3, 3}, 4);
  set_threads(1);
  const auto one = run_op("Conv", {x, w})[0];
  set_threads(4);
  const auto four = run_op("Conv", {x, w})[0];
  set_threads(0);
  EXPECT_TRUE(ir::identical(one, four));
}

TEST(FusedConv, AddsBiasAndResidualBeforeTheActivation) {
  const Tensor x = Tensor::of<float>({1, 1, 1, 3}, {1, -2, 3}), w = Tensor::of<float>({1, 1, 1, 1}, {2});
  const Tensor bias = Tensor::of<float>({1}, {1}), residual = Tensor::of<float>({1, 1, 1, 3}, {0, 10, -100});
  const auto y = run_op("inc.Conv", {x, w, bias, residual}, {{"activation", std::string("relu")}})[0];
  EXPECT_EQ(list<float>(y), (Floats{3, 7, 0}));
  const auto clipped =
      run_op("inc.Conv", {x, w, Tensor{}, residual},
             {{"activation", std::string("clip")}, {"activation_alpha", -1.0f}, {"activation_beta", 4.0f}})[0];
  EXPECT_EQ(list<float>(clipped), (Floats{2, 4, -1}));
  EXPECT_THROW(run_op("inc.Conv", {x, w}, {{"activation", std::string("relux")}}), UnsupportedError);
  EXPECT_EQ(ops::reported_type(op_node("inc.Conv", 2)), "Conv");
}

TEST(ConvTranspose, RefusesExtentsThatNoMachineHolds) {
  const auto x = ir::Tensor::of<float>({1, 1, 1024}, Floats(1024)), w = ir::Tensor::of<float>({1, 1, 2}, {1, 10});
  constexpr std::int64_t kStride = std::int64_t{1} << 31;
  EXPECT_THROW(run_op("ConvTranspose", {x, w}, {{"strides", Ints{kStride}}}), UnsupportedError);
  EXPECT_THROW(run_op("ConvTranspose", {x, w}, {{"strides", Ints{2 * kStride}}}), ModelError);
  EXPECT_THROW(run_op("ConvTranspose", {x, w}, {{"output_shape", Ints{INT64_MIN}}}), ModelError);
  EXPECT_THROW(run_op("ConvTranspose", {x, w}, {{"output_shape", Ints{INT64_MAX}}}), ModelError);
}

TEST(ConvTranspose, SpreadsEveryElementOverItsWindow) {
  const Tensor x = Tensor::of<float>({1, 1, 2}, {1, 10}), w = Tensor::of<float>({1, 1, 3}, {1, 2, 3});
  EXPECT_EQ(list<float>(run_op("ConvTranspose", {x, w})[0]), (Floats{1, 12, 23, 30}));
  EXPECT_EQ(list<float>(run_op("ConvTranspose", {x, w}, {{"strides", Ints{2}}, {"output_padding", Ints{1}}})[0]),
            (Floats{1, 2, 13, 20, 30, 0}));
  EXPECT_EQ(list<float>(run_op("ConvTranspose", {x, w}, {{"strides", Ints{2}}, {"auto_pad", std::string("SAME_UPPER")}})[0]),
            (Floats{1, 2, 13, 20}));
}

TEST(MatMul, AccumulatesInDouble) {
  const auto y = run_op("MatMul", {Tensor::of<float>({1, 3}, {1e8f, 1, -1e8f}), Tensor::of<float>({3, 1}, {1, 1, 1})})[0];
  EXPECT_EQ(list<float>(y), Floats{1});
}

TEST(MatMul, BroadcastsStacksAndTakesVectors) {
  const Tensor a = Tensor::of<float>({2, 1, 2}, {1, 2, 3, 4}), b = Tensor::of<float>({2, 2}, {1, 0, 0, 10});
  const auto y = run_op("MatMul", {a, b})[0];
  EXPECT_EQ(y.shape(), (ir::Shape{2, 1, 2}));
  EXPECT_EQ(list<float>(y), (Floats{1, 20, 3, 40}));
  const auto dot = run_op("MatMul", {Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2}, {3, 4})})[0];
  EXPECT_EQ(dot.shape(), ir::Shape{});
  EXPECT_EQ(list<float>(dot), Floats{11});
}

TEST(MatMul, IntegersWrapAround) {
  const auto y =
      run_op("MatMul", {Tensor::of<std::int32_t>({1, 1}, {1 << 30}), Tensor::of<std::int32_t>({1, 2}, {4, 3})})[0];
  EXPECT_EQ(list<std::int32_t>(y), (std::vector<std::int32_t>{0, -1073741824}));
}

TEST(FusedMatMul, BroadcastsItsBias) {
  const Tensor a = Tensor::of<float>({2, 2, 1}, {1, 2, 3, 4}), b = Tensor::of<float>({1, 2}, {1, -1});
  EXPECT_EQ(list<float>(run_op("inc.MatMul", {a, b, Tensor::of<float>({2}, {10, 20})})[0]),
            (Floats{11, 19, 12, 18, 13, 17, 14, 16}));
  EXPECT_EQ(list<float>(run_op("inc.MatMul", {a, b, Tensor::of<float>({2, 1, 1}, {10, 20})})[0]),
            (Floats{11, 9, 12, 8, 23, 17, 24, 16}));
  EXPECT_THROW(run_op("inc.MatMul", {a, b, Tensor::of<float>({3}, {1, 2, 3})}), ModelError);
  EXPECT_THROW(run_op("inc.MatMul", {a, b, Tensor{}, Tensor::of<float>({2, 1}, {1, 2})}), ModelError);
}

TEST(Gemm, TurnsScalesAndAdds) {
  const Tensor a = Tensor::of<float>({2, 1}, {1, 2}), b = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const ir::Attrs attrs = {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}, {"alpha", 2.0f}, {"beta", 0.5f}};
  EXPECT_EQ(list<float>(run_op("Gemm", {a, b, Tensor::of<float>({1}, {4})}, attrs)[0]), (Floats{12, 24}));
  EXPECT_EQ(list<float>(run_op("Gemm", {a, b, Tensor::of<float>({1, 2}, {4, 8})}, attrs)[0]), (Floats{12, 26}));
  EXPECT_THROW(run_op("Gemm", {a, b}), ModelError);
}

TEST(Gemm, WeightAxisFollowsTheLayout) {
  ir::Graph graph;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::Float, {1, 2})),
             w = graph.add_input("w", ir::TensorType::of(DType::Float, {2, 2}));
  auto node = op_node("Gemm", 2);
  node.inputs = {x, w};
  EXPECT_EQ(ops::weight_axis(graph, node), 1);
  node.attrs.set("transB", std::int64_t{1});
  EXPECT_EQ(ops::weight_axis(graph, node), 0);
}

Tensor einsum(const std::string& equation, const std::vector<Tensor>& inputs) {
  return run_op("Einsum", inputs, {{"equation", equation}})[0];
}

TEST(Einsum, SumsTransposesBroadcastsAndTakesDiagonals) {
  const Tensor a = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(list<float>(einsum("ij->ji", {a})), (Floats{1, 3, 2, 4}));
  EXPECT_EQ(list<float>(einsum("ii", {a})), Floats{5});
  EXPECT_EQ(list<float>(einsum("ii->i", {a})), (Floats{1, 4}));
  EXPECT_EQ(list<float>(einsum("...j->...", {a})), (Floats{3, 7}));
  EXPECT_EQ(list<float>(einsum("ij, jk", {a, a})), (Floats{7, 10, 15, 22}));
  EXPECT_EQ(list<float>(einsum("...i,...i->...", {a, Tensor::of<float>({1, 2}, {1, 10})})), (Floats{21, 43}));
  EXPECT_THROW(einsum("ij->ik", {a}), ModelError);
  EXPECT_THROW(einsum("ijk->i", {a}), ModelError);
}

TEST(Det, PivotsAndKnowsSingularMatrices) {
  EXPECT_EQ(list<float>(run_op("Det", {Tensor::of<float>({2, 2, 2}, {0, 1, 1, 0, 1, 2, 2, 4})})[0]), (Floats{-1, 0}));
}

struct Lstm {
  Tensor x = random({3, 2, 2}, 5), w, r, b;
  explicit Lstm(std::int64_t directions)
      : w(random({directions, 12, 2}, 6)), r(random({directions, 12, 3}, 7)), b(random({directions, 24}, 8)) {}
};

TEST(Lstm, StopsAtTheLengthOfEachSequence) {
  const Lstm m(1);
  const auto full = run_op("LSTM", {m.x, m.w, m.r, m.b}, {}, 3);
  const auto cut = run_op("LSTM", {m.x, m.w, m.r, m.b, Tensor::of<std::int32_t>({2}, {3, 1})}, {}, 3);
  const auto y = list<float>(full[0]), short_y = list<float>(cut[0]);
  EXPECT_EQ(Floats(y.begin(), y.begin() + 9), Floats(short_y.begin(), short_y.begin() + 9));
  EXPECT_EQ(Floats(short_y.begin() + 9, short_y.begin() + 12), Floats(3, 0));
  const auto last = list<float>(cut[1]);
  EXPECT_EQ(Floats(y.begin() + 3, y.begin() + 6), Floats(last.begin() + 3, last.end()));
}

TEST(Lstm, OneCellByHand) {
  const Tensor x = Tensor::of<float>({1, 1, 1}, {1}), w = Tensor::of<float>({1, 4, 1}, {1, 2, 3, 4}),
               r = Tensor::of<float>({1, 4, 1}, {0, 0, 0, 0});
  const auto y = run_op("LSTM", {x, w, r}, {}, 3);
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double c = sigmoid(1) * std::tanh(4.0);
  EXPECT_FLOAT_EQ(list<float>(y[2])[0], static_cast<float>(c));
  EXPECT_FLOAT_EQ(list<float>(y[0])[0], static_cast<float>(sigmoid(2) * std::tanh(c)));
}

TEST(Gru, BothDirectionsAreTheTwoSingleOnes) {
  const Tensor x = random({3, 1, 2}, 9), w = random({2, 9, 2}, 10), r = random({2, 9, 3}, 11);
  const auto half = [](const Tensor& t, std::int64_t which) {
    ir::Shape shape = t.shape();
    shape[0] = 1;
    const auto all = list<float>(t);
    const auto size = static_cast<std::int64_t>(all.size()) / 2;
    return Tensor::of(shape, Floats(all.begin() + which * size, all.begin() + (which + 1) * size));
  };
  const auto both = run_op("GRU", {x, w, r}, {{"direction", std::string("bidirectional")}}, 2);
  const auto forward = run_op("GRU", {x, half(w, 0), half(r, 0)}, {}, 2);
  const auto reverse = run_op("GRU", {x, half(w, 1), half(r, 1)}, {{"direction", std::string("reverse")}}, 2);
  auto joined = list<float>(forward[1]);
  const auto second = list<float>(reverse[1]);
  joined.insert(joined.end(), second.begin(), second.end());
  EXPECT_EQ(list<float>(both[1]), joined);
}

TEST(Recurrent, RefusesUnknownActivations) {
  EXPECT_THROW(run_op("RNN", {random({1, 1, 1}, 1), random({1, 1, 1}, 2), random({1, 1, 1}, 3)},
                      {{"activations", std::vector<std::string>{"Sine"}}}),
               UnsupportedError);
}

TEST(Attention, CausalQueriesSeeNoLaterKey) {
  const Tensor q = Tensor::of<float>({1, 1, 2, 1}, {1, 1}), k = Tensor::of<float>({1, 1, 2, 1}, {0, 0}),
               v = Tensor::of<float>({1, 1, 2, 1}, {2, 4});
  EXPECT_EQ(list<float>(run_op("Attention", {q, k, v}, {{"is_causal", std::int64_t{1}}}, 1, 23)[0]), (Floats{2, 3}));
}

TEST(Attention, AFullyMaskedRowIsZero) {
  const Tensor q = Tensor::of<float>({1, 1, 2, 1}, {1, 1}), k = Tensor::of<float>({1, 1, 2, 1}, {0, 0}),
               v = Tensor::of<float>({1, 1, 2, 1}, {2, 4});
  const Tensor mask = Tensor::of<bool>({2, 2}, {false, false, false, true});
  EXPECT_EQ(list<float>(run_op("Attention", {q, k, v, mask}, {}, 1, 23)[0]), (Floats{0, 4}));
}

}  // namespace
}  // namespace inc::testing
