#include "core/tuning/cost_measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "adaptors/reference/adaptor.h"
#include "core/base/error.h"
#include "core/tuning/cost_designs.h"
#include "core/tuning/keep_back.h"

namespace inc::tuning {
namespace {

using ::testing::ElementsAre;

/// The oracle with made-up times: 1 ms for a Conv in FP32 and 0.25 ms in INT8 unless `slow` names it (4 ms), 0.125 ms for
/// quantizing, 0.5 ms for anything else. A run takes a tenth of them, so that what else the machine does weighs little.
class FakeEngine final : public runtime::Adaptor {
 public:
  std::string slow, fails_in_int8;

  Support supports(const ir::Graph& g, ir::NodeId n, const quant::OpConfig& c) const override {
    return oracle_->supports(g, n, c);
  }
  Support runs_natively(quant::Precision) const override { return Support::yes(); }
  Support keeps_time() const override { return Support::yes(); }
  std::string_view name() const override { return "fake"; }
  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph& graph) const override {
    for (const ir::NodeId id : graph.nodes())
      if (graph.node(id).name == fails_in_int8 && int8(graph, graph.node(id))) throw BackendError("no such kernel");
    return std::make_unique<const Timed>(graph, oracle_->prepare(graph), slow);
  }

 private:
  static bool int8(const ir::Graph& graph, const ir::Node& node) {
    const ir::Node* producer = graph.producer(node.input(0));
    return producer != nullptr && producer->op == "DequantizeLinear";
  }

  class Timed final : public runtime::Executable {
   public:
    Timed(const ir::Graph& graph, std::unique_ptr<const runtime::Executable> real, std::string slow)
        : graph_(graph), real_(std::move(real)), slow_(std::move(slow)) {}
    std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const override {
      using Clock = std::chrono::steady_clock;
      double total = 0;
      for (const runtime::StepProfile& step : profile({}, 1)) total += step.milliseconds;
      const auto end = Clock::now() + std::chrono::duration<double, std::milli>(total / 10);
      std::vector<ir::Tensor> outputs = real_->run(inputs, tap);
      while (Clock::now() < end) continue;
      return outputs;
    }
    std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor>, int) const override {
      std::vector<runtime::StepProfile> steps;
      for (const ir::NodeId id : graph_.topological_order()) {
        const ir::Node& node = graph_.node(id);
        if (node.op == "DequantizeLinear") continue;
        runtime::StepProfile step;
        step.node = id;
        step.milliseconds = node.op == "QuantizeLinear" ? 0.125 : 0.5;
        if (node.op == "inc.Conv") step.milliseconds = !int8(graph_, node) ? 1 : node.name == slow_ ? 4 : 0.25;
        steps.push_back(step);
      }
      return steps;
    }

   private:
    ir::Graph graph_;
    std::unique_ptr<const runtime::Executable> real_;
    std::string slow_;
  };

  std::unique_ptr<const runtime::Adaptor> oracle_ = reference::make_adaptor();
};

/// Conv a → Relu → Conv b → Conv c.
struct Net {
  Net() {
    const auto type = ir::TensorType::of(DType::Float, {1, 2, 4, 4});
    std::vector<float> ones(4, 1);
    const auto conv = [&](ir::ValueId x, const std::string& name) {
      const auto w = graph.add_constant(name + "_w", ir::Tensor::of({2, 2, 1, 1}, ones));
      return graph.add_node({"inc.Conv", {x, w}, {}, name, {type}, {name + "_out"}})[0];
    };
    const auto a = conv(graph.add_input("x", type), "a");
    const auto relu = graph.add_node({"Relu", {a}, {}, "relu", {type}, {"relu_out"}})[0];
    graph.add_output(conv(conv(relu, "b"), "c"));
    graph.opset = 17;
    inputs = {ir::Tensor::of({1, 2, 4, 4}, std::vector<float>(32, 0.5f))};
  }
  ir::Graph graph;
  std::vector<ir::Tensor> inputs;
};

struct Bench {
  explicit Bench(const FakeEngine& engine)
      : fp32(engine.prepare(net.graph)),
        space(build_space(net.graph, engine, {})),
        layout(cost_layout(net.graph, space)),
        task{net.graph, space, engine, *fp32, net.inputs} {}
  Net net;
  std::unique_ptr<const runtime::Executable> fp32;
  TuningSpace space;
  CostLayout layout;
  CostTask task;
};

double at(const CostProfile& profile, const std::vector<std::uint8_t>& classes, std::size_t site) {
  const CostSample* sample = profile.find(classes);
  return sample == nullptr ? -1 : static_cast<double>(sample->site_ms[site]);
}

/// Of two sites of a candidate: times are at the pace of the machine, which is no fake.
double ratio(const CostProfile& profile, const std::vector<std::uint8_t>& classes, std::size_t a, std::size_t b) {
  return at(profile, classes, a) / at(profile, classes, b);
}

// Times lose the overhead of two looks at the clock.
constexpr double kClock = 0.01;

TEST(MeasureCosts, GivesStepsToTheOperatorsTheyAreFor) {
  const FakeEngine engine;
  const Bench bench(engine);
  const CostProfile profile = measure_costs(bench.task, bench.layout, {});
  EXPECT_THAT(profile.sites, ElementsAre("a", "relu", "b", "c"));
  EXPECT_EQ(profile.shapes, "1x2x4x4");
  EXPECT_NEAR(ratio(profile, {1, 1, 1}, 0, 1), 1 / 0.5, kClock);
  EXPECT_NEAR(ratio(profile, {1, 1, 1}, 0, 2), 1, kClock);
  EXPECT_NEAR(ratio(profile, {0, 0, 0}, 2, 3), (0.25 + 0.125) / 0.25, kClock) << "b, and what quantizes its result for c";
}

TEST(MeasureCosts, EndsWithACheckOfWhatWouldBeKeptBack) {
  FakeEngine engine;
  engine.slow = "b";
  const Bench bench(engine);
  const CostProfile profile = measure_costs(bench.task, bench.layout, {});
  ASSERT_FALSE(profile.checks.empty());
  EXPECT_EQ(profile.checks.back().classes, (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT_TRUE(to_verify(bench.layout, profile).empty());
}

TEST(MeasureCosts, LooksNoFurtherWhereThePlainCandidatesLeaveNothingToKeepBack) {
  FakeEngine engine;
  const Bench fast(engine);
  EXPECT_EQ(measure_costs(fast.task, fast.layout, {}).samples.size(), cost_designs(fast.layout, 0).size());
  engine.slow = "b";
  const Bench slow(engine);
  EXPECT_GT(measure_costs(slow.task, slow.layout, {}).samples.size(), cost_designs(slow.layout, 0).size());
}

TEST(MeasureCosts, LeavesOutCandidatesThatCannotBeExecuted) {
  FakeEngine engine;
  engine.fails_in_int8 = "b";
  const Bench bench(engine);
  const CostProfile profile = measure_costs(bench.task, bench.layout, {});
  EXPECT_EQ(profile.find({0, 0, 0}), nullptr);
  EXPECT_NE(profile.find({1, 1, 1}), nullptr);
  for (const CostSample& sample : profile.samples) EXPECT_EQ(sample.classes[1], 1);
}

TEST(MeasureCosts, StopsWhenAsked) {
  const FakeEngine engine;
  const Bench bench(engine);
  CostOptions options;
  options.should_stop = [] { return true; };
  const CostProfile profile = measure_costs(bench.task, bench.layout, options);
  EXPECT_TRUE(profile.samples.empty());
  EXPECT_TRUE(keep_back(bench.layout, profile, "measured").kept.empty());
}

}  // namespace
}  // namespace inc::tuning
