#include "app/inc.h"

#include <gtest/gtest.h>

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
