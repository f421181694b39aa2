#include "core/calib/bias_correction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "adaptors/reference/adaptor.h"
#include "core/calib/calibrator.h"
#include "core/calib/channel_means.h"
#include "core/calib/output_distance.h"
#include "core/calib/segments.h"
#include "tests/support/random.h"

namespace inc::calib {
namespace {

/// Samples of one shape in [0, 1), or of integers below `below`; every fourth one with the sign turned where `turned`.
class Noise : public eval::Dataset {
 public:
  Noise(ir::Shape shape, std::int64_t size, bool turned = false, std::int64_t below = 0)
      : shape_(std::move(shape)), size_(size), turned_(turned), below_(below) {}
  std::int64_t size() const override { return size_; }
  eval::Sample get(std::int64_t index) const override {
    Rng rng(static_cast<std::uint64_t>(100 + index));
    if (below_ > 0) return {{testing::random_tensor(DType::Int64, shape_, rng, 0, static_cast<double>(below_))}, {}};
    const bool turn = turned_ && index % 4 == 3;
    return {{testing::random_tensor(DType::Float, shape_, rng, turn ? -1 : 0, turn ? 0 : 1)}, {}};
  }
  bool labelled() const override { return false; }
  std::string describe() const override { return "noise"; }

 private:
  ir::Shape shape_;
  std::int64_t size_;
  bool turned_;
  std::int64_t below_;
};

/// One large weight per output channel (first axis when `conv`, else the last one) and small ones that round to zero, so
/// that rounding moves every mean.
ir::Tensor lopsided(const ir::Shape& shape, bool conv) {
  ir::Tensor t(DType::Float, shape);
  const std::int64_t channels = conv ? shape.front() : shape.back();
  const std::int64_t per_channel = t.count() / channels;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < per_channel; ++i)
      t.mutable_data<float>()[conv ? c * per_channel + i : i * channels + c] = i == c % per_channel ? 1.0f : 0.003f;
  return t;
}

ir::TensorType batched(DType dtype, const ir::Shape& sample, std::int64_t batch = -1) {
  ir::TensorType type = ir::TensorType::of(dtype, sample);
  type.dims->insert(type.dims->begin(), ir::Dim{batch, batch < 0 ? "N" : ""});
  return type;
}

struct CorrectedModel {
  ir::Graph graph;
  CorrectedModel() { graph.opset = 13; }
  ir::ValueId input(DType dtype, const ir::Shape& sample, std::int64_t batch = -1) {
    batch_ = batch;
    return graph.add_input("x", batched(dtype, sample, batch));
  }
  ir::ValueId weight(const std::string& name, const ir::Shape& shape, bool conv) {
    return graph.add_constant(name, lopsided(shape, conv));
  }
  ir::ValueId node(const std::string& op, std::vector<ir::ValueId> inputs, const ir::Shape& sample, ir::Attrs attrs = {}) {
    const std::string name = "node" + std::to_string(graph.nodes().size());
    return graph.add_node({op, std::move(inputs), std::move(attrs), name, {batched(DType::Float, sample, batch_)}, {}})[0];
  }

  std::int64_t batch_ = -1;
};

/// Conv with relu → depthwise Conv → Conv with a residual and relu.
CorrectedModel conv_net(std::int64_t batch = -1) {
  CorrectedModel m;
  const auto x = m.input(DType::Float, {4, 6, 6}, batch);
  const ir::Attrs relu{{"activation", std::string("relu")}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  const ir::Attrs depthwise{{"group", std::int64_t{8}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  const auto a = m.node("inc.Conv", {x, m.weight("wa", {8, 4, 3, 3}, true)}, {8, 6, 6}, relu);
  const auto b = m.node("Conv", {a, m.weight("wb", {8, 1, 3, 3}, true)}, {8, 6, 6}, depthwise);
  const auto c =
      m.node("inc.Conv", {b, m.weight("wc", {8, 8, 1, 1}, true), {}, a}, {8, 6, 6}, {{"activation", std::string("relu")}});
  m.graph.add_output(c);
  return m;
}

struct Bench {
  explicit Bench(const ir::Graph& g, const eval::Dataset& d) : graph(g), data(d), fp32(adaptor->prepare(g)) {
    for (const ir::NodeId id : quant::quantizable_nodes(g)) config.ops[id] = {quant::Precision::Int8};
    ranges = calibrate(g, *fp32, d, {.samples = 100});
  }
  BiasCorrection correct(const CorrectionOptions& options = {}) {
    return correct_bias(graph, config, ranges, weights, *adaptor, *fp32, data, options);
  }
  /// Largest difference of channel means of the first output between FP32 and INT8, over samples [0, 12) that are not
  /// held back.
  double bias(const std::map<ir::NodeId, std::vector<float>>& shift, int axis) {
    quant::QuantConfig shifted = config;
    shifted.bias_shift = shift;
    const auto int8 = adaptor->prepare(quant::insert_qdq(graph, shifted, ranges, weights));
    std::vector<double> sum;
    for (std::int64_t i = 0; i < 12; ++i) {
      if (i % 4 == 3) continue;
      const auto batch = eval::load_batch(graph, data, i, 1);
      const auto a = channel_means(fp32->run(batch.inputs)[0], axis, 1),
                 b = channel_means(int8->run(batch.inputs)[0], axis, 1);
      sum.resize(a.size());
      for (std::size_t c = 0; c < a.size(); ++c) sum[c] += double{a[c]} - double{b[c]};
    }
    double largest = 0;
    for (const double s : sum) largest = std::max(largest, std::fabs(s) / 9);
    return largest;
  }

  const ir::Graph& graph;
  const eval::Dataset& data;
  std::unique_ptr<const runtime::Adaptor> adaptor = reference::make_adaptor();
  std::unique_ptr<const runtime::Executable> fp32;
  quant::QuantConfig config;
  quant::RangeTable ranges;
  quant::WeightCache weights;
};

TEST(ChannelMeans, AverageEverythingButChannelsPerSample) {
  const auto t = ir::Tensor::of<float>({2, 2, 2}, {1, 3, 5, 7, 9, 11, 13, 15});
  EXPECT_EQ(channel_means(t, 1, 2), (std::vector<float>{2, 6, 10, 14}));
  EXPECT_EQ(channel_means(t, 1, 1), (std::vector<float>{6, 10}));
  EXPECT_EQ(channel_means(t, 2, 3), (std::vector<float>{7, 9}));
  EXPECT_EQ(channel_means(ir::Tensor(DType::Float, {0, 2}), 1, 1), (std::vector<float>{0, 0}));
}

TEST(ChannelMeans, ShiftIsAddedAlongTheAxis) {
  const auto t = shifted(ir::Tensor::of<float>({1, 2, 2}, {0, 1, 2, 3}), 1, {10, 20});
  EXPECT_EQ(t.to_floats(), (std::vector<float>{10, 11, 22, 23}));
}

TEST(ChannelMeans, AShiftThatIsNoLargerThanItsErrorIsDropped) {
  const std::vector<float> found(8);
  const auto shift = significant_shift({1, 1, 1, -1, 1, 3, 1, -3}, found, 2);
  EXPECT_EQ(shift[0], 1);
  EXPECT_EQ(shift[1], 0);
}

TEST(ChannelMeans, AShiftShrinksByItsUncertainty) {
  const auto shift = significant_shift({1, 3}, {0, 0}, 1);
  EXPECT_FLOAT_EQ(shift[0], 2 * (1 - 1.0f / 4));
}

TEST(ChannelMeans, WhatIsNotFiniteOrWasSeenOnceIsNotShifted) {
  EXPECT_EQ(significant_shift({INFINITY, 1}, {0, 0}, 1), (std::vector<float>{0}));
  EXPECT_EQ(significant_shift({5}, {0}, 1), (std::vector<float>{0}));
}

OutputDistance distance(const ir::Tensor& found, const ir::Tensor& wanted) {
  OutputDistance out;
  out.add(std::vector{found}, std::vector{wanted});
  return out;
}

TEST(OutputDistance, IsRelativeToFp32AndAddsUpOverSamples) {
  OutputDistance d = distance(ir::Tensor::of<float>({1, 2}, {3, 4}), ir::Tensor::of<float>({1, 2}, {3, 3}));
  EXPECT_DOUBLE_EQ(d.divergence(), 1.0 / 18);
  EXPECT_EQ(d.by_axis(), (std::vector<double>{1.0 / 18}));
  d.add(std::vector{ir::Tensor::of<float>({1, 2}, {0, 0})}, std::vector{ir::Tensor::of<float>({1, 2}, {0, 0})});
  EXPECT_DOUBLE_EQ(d.divergence(), 1.0 / 18);
}

TEST(OutputDistance, SeesSmallScoresThatVanishBesideLargeBoxesThatImprove) {
  const auto wanted = ir::Tensor::of<float>({1, 2, 2}, {100, 0.9f, 100, 0.0f});
  const auto before = distance(ir::Tensor::of<float>({1, 2, 2}, {90, 0.7f, 90, 0.1f}), wanted);
  const auto after = distance(ir::Tensor::of<float>({1, 2, 2}, {95, 0.1f, 95, 0.0f}), wanted);
  EXPECT_LT(after.divergence(), before.divergence());
  EXPECT_FALSE(no_axis_worse(before.by_axis(), after.by_axis()));
  EXPECT_TRUE(no_axis_worse(before.by_axis(), before.by_axis()));
}

TEST(OutputDistance, TellsWhatCannotBeCompared) {
  EXPECT_EQ(distance(ir::Tensor::of<std::int64_t>({1}, {1}), ir::Tensor::of<std::int64_t>({1}, {2})).divergence(), -1);
  EXPECT_EQ(distance(ir::Tensor::of<float>({1}, {NAN}), ir::Tensor::of<float>({1}, {1})).divergence(), INFINITY);
  OutputDistance d = distance(ir::Tensor::of<float>({1, 1}, {1}), ir::Tensor::of<float>({1, 1}, {2}));
  d.add(std::vector{ir::Tensor::of<float>({1, 2}, {1, 1})}, std::vector{ir::Tensor::of<float>({1, 2}, {2, 2})});
  EXPECT_EQ(d.by_axis(), (std::vector<double>{-1}));
}

TEST(Segments, ComputeWhatTheWholeGraphComputes) {
  const CorrectedModel m = conv_net();
  const Noise data({4, 6, 6}, 8);
  Bench bench(m.graph, data);
  const ir::Graph quantized = quant::insert_qdq(m.graph, bench.config, bench.ranges, bench.weights);
  std::vector<ir::NodeId> anchors;
  for (const auto& [id, op] : bench.config.ops) anchors.push_back(id);
  const SplitGraph split = split_activations(quantized, anchors);
  std::vector<ir::ValueId> cuts;
  for (const ir::NodeId id : anchors) cuts.push_back(split.sum.at(id));
  const auto batch = eval::load_batch(m.graph, data, 0, 2);
  std::map<ir::ValueId, ir::Tensor> whole, live{{split.graph.inputs()[0], batch.inputs[0]}};
  bench.adaptor->prepare(split.graph)
      ->run(batch.inputs, {{cuts.begin(), cuts.end()}, [&](ir::ValueId id, const ir::Tensor& t) { whole[id] = t; }});
  std::size_t anchors_run = 0;
  for (const Segment& segment : cut(split.graph, cuts)) {
    segment.graph.verify();
    for (const ir::NodeId id : segment.graph.nodes()) anchors_run += segment.graph.node(id).op.ends_with("Conv");
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId id : segment.inputs) inputs.push_back(live.at(id));
    const auto outputs = bench.adaptor->prepare(segment.graph)->run(inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) live[segment.outputs[i]] = outputs[i];
  }
  EXPECT_EQ(anchors_run, 3u);
  for (const ir::ValueId id : cuts) EXPECT_TRUE(identical(live.at(id), whole.at(id)));
}

TEST(BiasCorrection, TakesBackWhatRoundingDoesToTheMeansOfConvolutions) {
  const CorrectedModel m = conv_net();
  const Noise data({4, 6, 6}, 16);
  Bench bench(m.graph, data);
  const BiasCorrection made = bench.correct({.samples = 12});
  EXPECT_EQ(made.anchors, 3);
  EXPECT_EQ(made.shift.size(), 3u);
  EXPECT_EQ(made.samples, 12);
  EXPECT_EQ(made.why_not, "");
  EXPECT_LT(made.after, made.before / 4);
  EXPECT_LT(bench.bias(made.shift, 1), bench.bias({}, 1) / 10);
}

TEST(BiasCorrection, WorksInBatchesWhereTheModelFixesThem) {
  const CorrectedModel m = conv_net(4);
  const Noise data({4, 6, 6}, 18);
  Bench bench(m.graph, data);
  const BiasCorrection made = bench.correct();
  EXPECT_EQ(made.samples, 16);
  EXPECT_EQ(made.shift.size(), 3u);
  EXPECT_LT(made.after, made.before / 4);
}

TEST(BiasCorrection, ServesMatMulOfAnyRankAndGemmWithoutABias) {
  CorrectedModel m;
  const auto x = m.input(DType::Float, {5, 16});
  const auto a = m.node("inc.MatMul", {x, m.weight("wa", {16, 16}, false)}, {5, 16}, {{"activation", std::string("gelu")}});
  const auto b = m.node("inc.MatMul", {a, m.weight("wb", {16, 16}, false), {}, x}, {5, 16});
  const auto shape = m.graph.add_constant("shape", ir::Tensor::of<std::int64_t>({2}, {-1, 80}));
  const auto flat = m.node("Reshape", {b, shape}, {80});
  m.graph.add_output(m.node("Gemm", {flat, m.weight("wc", {80, 8}, false)}, {8}, {{"beta", 2.0f}}));
  const Noise data({5, 16}, 16);
  Bench bench(m.graph, data);
  const BiasCorrection made = bench.correct();
  EXPECT_EQ(made.shift.size(), 3u);
  EXPECT_LT(made.after, made.before / 4);
  EXPECT_LT(bench.bias(made.shift, 1), bench.bias({}, 1) / 4);
}

TEST(BiasCorrection, ServesIntegerInputs) {
  CorrectedModel m;
  const auto x = m.input(DType::Int64, {6});
  Rng rng(1);
  const auto table = m.graph.add_constant("table", testing::random_tensor(DType::Float, {10, 16}, rng, 0, 1));
  const auto rows = m.node("Gather", {table, x}, {6, 16});
  m.graph.add_output(m.node("MatMul", {rows, m.weight("w", {16, 8}, false)}, {6, 8}));
  const Noise data({6}, 16, false, 10);
  Bench bench(m.graph, data);
  const BiasCorrection made = bench.correct();
  EXPECT_EQ(made.shift.size(), 1u);
  EXPECT_LT(made.after, made.before / 4);
}

TEST(BiasCorrection, KeepsNothingThatSamplesHeldBackContradict) {
  const CorrectedModel m = conv_net();
  const Noise data({4, 6, 6}, 16, true);
  Bench bench(m.graph, data);
  const BiasCorrection made = bench.correct();
  EXPECT_LE(made.after, made.before);
  EXPECT_LT(made.shift.size(), 3u);
  EXPECT_NE(made.why_not.find("held back"), std::string::npos) << made.why_not;
}

TEST(BiasCorrection, TheBudgetDecidesHowManySamplesAreUsed) {
  const CorrectedModel m = conv_net();
  const Noise data({4, 6, 6}, 64);
  Bench bench(m.graph, data);
  EXPECT_EQ(bench.correct({.budget_bytes = 1}).samples, 8);
  EXPECT_EQ(bench.correct({.budget_bytes = 1 << 20}).samples, 64);
}

TEST(BiasCorrection, LeavesFp32AnchorsAlone) {
  const CorrectedModel m = conv_net();
  const Noise data({4, 6, 6}, 16);
  Bench bench(m.graph, data);
  const ir::NodeId last = bench.config.ops.rbegin()->first;
  bench.config.ops[last].precision = quant::Precision::Fp32;
  const BiasCorrection made = bench.correct();
  EXPECT_EQ(made.anchors, 2);
  EXPECT_FALSE(made.shift.contains(last));
}

TEST(BiasCorrection, SaysWhyNothingIsCorrected) {
  const CorrectedModel m = conv_net();
  const Noise few({4, 6, 6}, 3), data({4, 6, 6}, 16);
  Bench short_of_samples(m.graph, few);
  EXPECT_NE(short_of_samples.correct().why_not.find("3 samples"), std::string::npos);
  Bench bench(m.graph, data);
  EXPECT_EQ(bench.correct({.should_stop = [] { return true; }}).why_not, "interrupted");
  bench.config.ops.clear();
  const BiasCorrection made = bench.correct();
  EXPECT_TRUE(made.shift.empty());
  EXPECT_NE(made.why_not, "");
}

}  // namespace
}  // namespace inc::calib
