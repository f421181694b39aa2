#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/pack.h"
#include "core/calib/calibrator.h"
#include "tests/support/threads_as_ranks.h"

namespace inc::calib {
namespace {

/// Sample i is {i, -2 i}.
class Ramp : public eval::Dataset {
 public:
  explicit Ramp(std::int64_t size, std::int64_t bad = -1) : size_(size), bad_(bad) {}
  std::int64_t size() const override { return size_; }
  eval::Sample get(std::int64_t index) const override {
    const auto x = static_cast<float>(index);
    return {{ir::Tensor::of<float>({2}, {x, index == bad_ ? std::nanf("") : -2 * x})}, {}};
  }
  bool labelled() const override { return false; }
  std::string describe() const override { return "ramp"; }

 private:
  std::int64_t size_, bad_;
};

/// y = 10 x, delivered to the tap; counts what it saw.
class TimesTen : public runtime::Executable {
 public:
  TimesTen(ir::ValueId y, float factor = 10) : y_(y), factor_(factor) {}
  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const override {
    ir::Tensor out(DType::Float, inputs[0].shape());
    for (std::int64_t i = 0; i < out.count(); ++i) out.mutable_data<float>()[i] = inputs[0].data<float>()[i] * factor_;
    batches.push_back(inputs[0].shape()[0]);
    if (tap && tap.wanted.contains(y_)) tap.on_value(y_, out);
    return {out};
  }
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor>, int) const override { return {}; }
  mutable std::vector<std::int64_t> batches;

 private:
  ir::ValueId y_;
  float factor_;
};

struct Model {
  explicit Model(std::int64_t batch) {
    x = graph.add_input("x", {DType::Float, std::vector<ir::Dim>{{batch, batch < 0 ? "N" : ""}, {2, ""}}});
    y = graph.add_node({"Mul", {x, x}, {}, "times_ten", {graph.value(x).type}, {"y"}})[0];
    graph.add_output(y);
  }
  ir::Graph graph;
  ir::ValueId x, y;
};

TEST(Collect, ObservesInputsAndTappedValuesInOnePass) {
  Model m(-1);
  const TimesTen executable(m.y);
  const StatsTable table = collect(m.graph, executable, Ramp(7), {{m.x}, {m.y}}, {.samples = 100, .batch_size = 3});
  EXPECT_EQ(executable.batches, (std::vector<std::int64_t>{3, 3, 1}));
  EXPECT_EQ(table.at(m.x).extremes.min, -12);
  EXPECT_EQ(table.at(m.x).extremes.max, 6);
  EXPECT_EQ(table.at(m.y).extremes.min, -120);
  EXPECT_EQ(table.at(m.y).extremes.max, 60);
  EXPECT_EQ(table.at(m.x).extremes.count, 14);
  EXPECT_EQ(table.at(m.y).extremes.count, 14);
}

TEST(Collect, TakesNoMoreThanTheSamplesAsked) {
  Model m(-1);
  const TimesTen executable(m.y);
  EXPECT_EQ(collect(m.graph, executable, Ramp(50), {{m.y}}, {.samples = 4, .batch_size = 8}).at(m.y).extremes.max, 30);
  EXPECT_EQ(executable.batches, (std::vector<std::int64_t>{4}));
}

TEST(Collect, RunsWholeBatchesWhereTheGraphFixesThem) {
  Model m(4);
  const TimesTen executable(m.y);
  collect(m.graph, executable, Ramp(50), {{m.y}}, {.samples = 10, .batch_size = 1});
  EXPECT_EQ(executable.batches, (std::vector<std::int64_t>{4, 4}));
}

TEST(Collect, NamesAValueThatHasAnotherRankThanDeclared) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {2, ""}}});
  const ir::ValueId y = graph.add_node({"Mul", {x, x}, {}, "", {{DType::Float, std::vector<ir::Dim>(3)}}, {"y"}})[0];
  graph.add_output(y);
  const TimesTen executable(y);
  try {
    collect(graph, executable, Ramp(4), {{y, 2}}, {.samples = 4, .batch_size = 2});
    FAIL() << "calibrated";
  } catch (const ModelError& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("value 'y' is declared as float[?,?,?], but computed as float[2,2]"));
  }
}

/// Everything of everything, bit by bit.
std::string bits(const Model& m, const Ranks& ranks, std::int64_t samples) {
  const TimesTen executable(m.y, 1.0f / 3);
  CalibrationOptions options{.samples = samples, .batch_size = 2};
  options.methods = {quant::RangeMethod::MovingAverage, quant::RangeMethod::Kl};
  options.ranks = &ranks;
  const StatsTable table = collect(m.graph, executable, Ramp(100), {{m.x, 1}, {m.y, 1}}, options);
  Packer packer;
  for (const auto& [id, stats] : table) {
    packer(stats.extremes, *stats.histogram);
    const quant::ChannelRanges channels = *stats.channels->ranges();
    packer(channels.mean_square, channels.range, stats.average->range());
  }
  return std::move(packer).take();
}

TEST(Collect, DoesNotDependOnTheNumberOfProcesses) {
  const Model m(-1);
  for (const std::int64_t samples : {1, 7, 50})
    for (const int size : {2, 3, 5}) {
      const std::string wanted = bits(m, alone(), samples);
      for (const auto& thrown :
           testing::ThreadRanks(size).run([&](const Ranks& ranks) { EXPECT_EQ(bits(m, ranks, samples), wanted) << size; }))
        EXPECT_FALSE(thrown);
    }
}

TEST(Collect, ThrowsTheSameOfTheFirstBadSampleInEveryProcess) {
  const Model m(-1);
  const auto message = [&](const Ranks& ranks) -> std::string {
    try {
      const TimesTen executable(m.y);
      CalibrationOptions options{.batch_size = 2};
      options.ranks = &ranks;
      collect(m.graph, executable, Ramp(40, 5), {{m.x}, {m.y}}, options);
    } catch (const DataError& error) {
      return error.full_message();
    }
    return {};
  };
  const std::string wanted = message(alone());
  EXPECT_NE(wanted, "");
  for (const auto& thrown : testing::ThreadRanks(3).run([&](const Ranks& ranks) { EXPECT_EQ(message(ranks), wanted); }))
    EXPECT_FALSE(thrown);
}

TEST(Collect, DoesNotDependOnTheBatchSize) {
  Model m(-1);
  const TimesTen executable(m.y);
  const Stats one = collect(m.graph, executable, Ramp(9), {{m.y}}, {.batch_size = 1}).at(m.y);
  const Stats all = collect(m.graph, executable, Ramp(9), {{m.y}}, {.batch_size = 9}).at(m.y);
  EXPECT_EQ(one.extremes, all.extremes);
}

TEST(Collect, StopsWhenTold) {
  Model m(-1);
  const TimesTen executable(m.y);
  int asked = 0;
  collect(m.graph, executable, Ramp(9), {{m.y}}, {.batch_size = 1, .should_stop = [&] { return ++asked > 3; }});
  EXPECT_EQ(executable.batches.size(), 3u);
}

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const DataError& e) {
    return e.full_message();
  }
  return "no DataError";
}

TEST(Collect, NamesTheSampleThatIsNotFinite) {
  Model m(-1);
  const TimesTen executable(m.y);
  EXPECT_EQ(message_of([&] { collect(m.graph, executable, Ramp(9, 7), {{m.y}}, {.batch_size = 4}); }),
            "calibration sample 7: nan found in input 'x', finite numbers expected");
}

TEST(Collect, NamesTheValueThatIsNotFinite) {
  Model m(-1);
  const TimesTen executable(m.y, std::numeric_limits<float>::infinity());
  EXPECT_NE(message_of([&] { collect(m.graph, executable, Ramp(9), {{m.y}}, {.batch_size = 4}); }).find("value 'y'"),
            std::string::npos);
}

TEST(Collect, EmptyDataSetIsADataError) {
  Model m(-1);
  const TimesTen executable(m.y);
  EXPECT_NE(message_of([&] { collect(m.graph, executable, Ramp(0), {{m.y}}, {}); }).find("calibration has no samples"),
            std::string::npos);
}

/// y = MatMul(x, w), so that x is watched along its last axis.
struct Net {
  Net() {
    x = graph.add_input("x", {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {2, ""}}});
    const auto w = graph.add_constant("w", ir::Tensor::of<float>({2, 1}, {1, 1}));
    graph.add_output(
        graph.add_node({"MatMul", {x, w}, {}, "m", {{DType::Float, std::vector<ir::Dim>{{-1, "N"}, {1, ""}}}}, {"y"}})[0]);
  }
  ir::Graph graph;
  ir::ValueId x;
};

TEST(Calibrate, GivesEveryMethodAndEveryChannelFromOnePass) {
  const Net net;
  const TimesTen executable({});
  const std::set<quant::RangeMethod> methods{quant::RangeMethod::MovingAverage, quant::RangeMethod::Percentile,
                                             quant::RangeMethod::Kl, quant::RangeMethod::Mse};
  const auto table = calibrate(net.graph, executable, Ramp(8), {.batch_size = 4, .methods = methods});
  EXPECT_EQ(executable.batches.size(), 2u);
  EXPECT_EQ(table.tensor.size(), 5u);
  EXPECT_EQ(table.at(net.x, quant::RangeMethod::MinMax), (quant::Range{-14, 7}));
  EXPECT_EQ(table.at(net.x, quant::RangeMethod::MovingAverage), (quant::Range{-10, 5}));
  const quant::ChannelRanges& channels = table.channels.at(net.x);
  EXPECT_EQ(channels.axis, 1);
  EXPECT_EQ(channels.range, (std::vector<quant::Range>{{0, 7}, {-14, 0}}));
  EXPECT_EQ(channels.mean_square, (std::vector<double>{17.5, 70}));
}

TEST(Calibrate, TakesBatchesAtHand) {
  const Net net;
  const TimesTen executable({});
  const std::vector<std::vector<ir::Tensor>> batches{{ir::Tensor::of<float>({1, 2}, {1, 2})},
                                                     {ir::Tensor::of<float>({2, 2}, {3, 4, 5, -6})}};
  const auto table = calibrate(net.graph, executable, batches, {.channels = false});
  EXPECT_EQ(table.at(net.x, quant::RangeMethod::MinMax), (quant::Range{-6, 5}));
  EXPECT_TRUE(table.channels.empty());
}

TEST(Calibrate, NamesTheValueThatWasNeverSeen) {
  const Net net;
  const TimesTen executable({});
  EXPECT_NE(message_of([&] { calibrate(net.graph, executable, std::span<const std::vector<ir::Tensor>>{}); }).find("'x'"),
            std::string::npos);
}

}  // namespace
}  // namespace inc::calib
