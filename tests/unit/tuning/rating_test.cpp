#include "core/tuning/rating.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/onnx/onnx_io.h"

namespace inc::tuning {
namespace {

struct RatedNet {
  RatedNet() {
    const auto type = [](const ir::Shape& shape) { return ir::TensorType::of(DType::Float, shape); };
    const auto weight = [&](const std::string& name) {
      return graph.add_constant(name, ir::Tensor::of(ir::Shape{64, 64}, std::vector<float>(64 * 64, 1)));
    };
    ir::ValueId at = graph.add_input("x", type({1, 64}));
    for (int i = 0; i < 3; ++i) {
      const std::string name = "layer/of/a/network/" + std::to_string(i);
      at = graph.add_node({"MatMul", {at, weight(name + "/weight")}, {}, name, {type({1, 64})}, {name + "/out"}})[0];
      space.nodes.push_back(*graph.value(at).producer);
      space.shape.dims.push_back({name, "MatMul", {"int8", "bf16", "fp32"}});
      quant::OpConfig int8, bf16;
      int8.precision = quant::Precision::Int8;
      bf16.precision = quant::Precision::Bf16;
      space.options.push_back({int8, bf16, {}});
    }
    graph.add_output(at);
  }
  ir::Graph graph;
  TuningSpace space;
};

Objective objective_of(config::Tuning tuning) {
  return {tuning, Criterion({}, true, 0.8), {4, 100'000, 60'000}};
}

Objective objective_of(const std::string& name) {
  config::Tuning tuning;
  tuning.objective = name;
  return objective_of(tuning);
}

TEST(WrittenBytes, AreThoseOfTheFile) {
  const RatedNet net;
  const auto path = std::filesystem::path(::testing::TempDir()) / "rating_test.onnx";
  onnx_io::export_model(net.graph, path);
  const auto file = static_cast<double>(std::filesystem::file_size(path));
  std::filesystem::remove(path);
  EXPECT_NEAR(written_bytes(net.graph), file, 0.02 * file);
}

TEST(Prediction, TakesOffWhatOptionsSave) {
  const RatedNet net;
  const Objective size = objective_of("modelsize");
  constexpr double kWeight = 4 * 64 * 64;
  const auto cost = Rating(size, nullptr, true).prediction(net.graph, net.space);
  EXPECT_EQ(cost({2, 2, 2}), 100'000);
  EXPECT_EQ(cost({0, 2, 2}), 100'000 - 0.75 * kWeight);
  EXPECT_EQ(cost({0, 1, 0}), 100'000 - 1.5 * kWeight) << "BF16 as a plan keeps FP32 weights";
  EXPECT_EQ(Rating(size, nullptr, false).prediction(net.graph, net.space)({2, 1, 2}), 100'000 - 0.5 * kWeight);
  const Objective footprint = objective_of("footprint");
  EXPECT_EQ(Rating(footprint, nullptr, true).prediction(net.graph, net.space)({0, 2, 2}), 60'000 - 0.75 * kWeight);
}

TEST(Prediction, IsMissingWhereNothingPredictsTheAim) {
  const RatedNet net;
  for (const char* name : {"performance", "latency", "accuracy"}) {
    const Objective objective = objective_of(name);
    EXPECT_FALSE(Rating(objective, nullptr, true).prediction(net.graph, net.space)) << name;
  }
  config::Tuning tuning;
  tuning.multi_objectives = {{"modelsize", "performance"}, {}, {}};
  const Objective both = objective_of(tuning);
  EXPECT_FALSE(Rating(both, nullptr, true).prediction(net.graph, net.space));
  tuning.multi_objectives = {{"modelsize", "accuracy"}, {}, {}};
  const Objective accurate = objective_of(tuning);
  EXPECT_TRUE(Rating(accurate, nullptr, true).prediction(net.graph, net.space));
}

}  // namespace
}  // namespace inc::tuning
