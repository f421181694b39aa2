#include "app/inc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/support/random.h"

namespace inc {
namespace {

constexpr const char* kNet =
    R"(g (float[N,16] x) => (float[N,5] y) <float[16,32] w1, float[32] b1, float[32,24] w2, float[24] b2, float[24,5] w3> {
        a = MatMul(x, w1)  b = Add(a, b1)  c = Relu(b)  d = Gemm(c, w2, b2)  e = Relu(d)  y = MatMul(e, w3) })";

struct Surface : ::testing::Test {
  testing::TemporaryDirectory directory;
  Model model = Model::from_bytes(onnx_io::export_bytes(onnx_io::import_text(kNet)));
  std::vector<Tensor> rows;
  Tensor batch{DType::Float, {12, 16}};
  Tensor wanted;
  QuantizeOptions options;

  Surface() {
    Rng rng(5);
    batch = testing::random_tensor(DType::Float, {12, 16}, rng);
    for (int i = 0; i < 12; ++i)
      rows.push_back(Tensor::of<float>({16}, {batch.data<float>() + 16 * i, batch.data<float>() + 16 * (i + 1)}));
    wanted = Session::from_bytes(*model.bytes()).run({{"x", batch}})[0];
    options.calibration = samples(rows, {}, 4);
    options.output = directory.path();
    options.eval_func = [this](const Session& session) { return distance(session); };
    options.higher_is_better = false;
  }
  /// Largest difference from FP32, plus one.
  double distance(const Session& session) const {
    const Tensor found = session.run({{"x", batch}}, {"y"})[0];
    double most = 0;
    for (std::int64_t i = 0; i < found.count(); ++i)
      most = std::max<double>(most, std::abs(found.data<float>()[i] - wanted.data<float>()[i]));
    return 1 + most;
  }
};

TEST_F(Surface, QuantizesWithAFunctionThatIsGivenASession) {
  Config config;
  config.tuning.accuracy_criterion.relative = 0.99;
  const QuantizeResult result = quantize(model, config, options);
  EXPECT_TRUE(result.met());
  EXPECT_EQ(result.report.metric, "eval_func");
  EXPECT_NEAR(result.report.baseline.accuracy, 1, 1e-5) << "fused sums are rounded differently";
  EXPECT_DOUBLE_EQ(distance(Session(result.model)), result.report.result.accuracy);
  EXPECT_DOUBLE_EQ(evaluate(result.model, {}, options).accuracy, result.report.result.accuracy);
}

class Rows final : public Dataset {
 public:
  Rows(std::vector<Tensor> rows, std::vector<std::int64_t> labels) : rows_(std::move(rows)), labels_(std::move(labels)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  Sample get(std::int64_t index) const override {
    const auto i = static_cast<std::size_t>(index);
    return {{rows_.at(i)}, Tensor::scalar(labels_.at(i))};
  }
  std::string describe() const override { return "rows"; }

 private:
  std::vector<Tensor> rows_;
  std::vector<std::int64_t> labels_;
};

class Hits final : public Metric {
 public:
  std::string name() const override { return "hits"; }
  void update(std::span<const Tensor> outputs, std::span<const Tensor>, std::span<const Tensor> labels,
              std::span<const Tensor>) override {
    const std::int64_t classes = outputs[0].shape()[1];
    for (std::size_t i = 0; i < labels.size(); ++i, ++seen_) {
      const float* row = outputs[0].data<float>() + static_cast<std::int64_t>(i) * classes;
      if (std::max_element(row, row + classes) - row == labels[i].data<std::int64_t>()[0]) ++right_;
    }
  }
  double value() const override { return right_ / seen_; }
  void reset() override { right_ = seen_ = 0; }

 private:
  double right_ = 0, seen_ = 0;
};

TEST_F(Surface, QuantizesWithADataSetAndAMetricOfTheProgram) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 12; ++i) {
    const float* row = wanted.data<float>() + 5 * i;
    labels.push_back(std::max_element(row, row + 5) - row);
  }
  options.eval_func = {};
  options.evaluation = Data{std::make_shared<Rows>(rows, labels), 4};
  options.metric = std::make_shared<Hits>();
  std::size_t trials = 0;
  options.on_trial = [&](const Observation&, std::size_t number) { trials = number; };
  const QuantizeResult result = quantize(model, {}, options);
  EXPECT_EQ(result.report.metric, "hits");
  EXPECT_EQ(result.report.baseline.accuracy, 1);
  EXPECT_EQ(result.report.cost.trials, static_cast<std::int64_t>(trials));
  EXPECT_EQ(evaluate(result.model, {}, options).accuracy, result.report.result.accuracy);
  EXPECT_EQ(evaluate(result.model, {}, options).samples, 12);
}

TEST_F(Surface, ReturnsTheBestSoFarWhenItIsStopped) {
  int evaluations = 0;
  options.eval_func = [&](const Session& session) {
    ++evaluations;
    return distance(session);
  };
  options.should_stop = [&] { return evaluations > 1; };
  EXPECT_EQ(quantize(model, {}, options).report.stopped, "interrupted");
}

TEST_F(Surface, TellsWhatIsMissingToEvaluate) {
  EXPECT_THROW(evaluate(model), ConfigError);
  EXPECT_THROW(evaluate("nowhere.onnx", {}, options), Error);
  EXPECT_THROW(samples(rows, {Tensor::scalar<std::int64_t>(1)}), DataError);
  options.calibration.reset();
  EXPECT_THROW(quantize(model, {}, options), ConfigError);
}

TEST_F(Surface, TimesPrecisionsInTurn) {
  BenchmarkOptions quick;
  quick.batch = 3;
  quick.iterations = 4;
  const auto times = benchmark(model, {"fp32", "int8"}, quick);
  ASSERT_EQ(times.size(), 2U);
  EXPECT_EQ(times[1].precision, "int8");
  EXPECT_GT(times[0].latency_ms.p50, 0);
  EXPECT_GT(times[0].throughput, 0);
}

}  // namespace
}  // namespace inc
