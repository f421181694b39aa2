// A program's own model, samples, evaluation, strategy and engine in place of what a file would name.
#include "core/pipeline/supplied.h"

#include <gtest/gtest.h>

#include <cmath>

#include "app/outside_engine.h"
#include "app/session.h"
#include "core/eval/metric_outside.h"
#include "core/onnx/onnx_io.h"
#include "core/pipeline/quantize.h"
#include "tests/support/models.h"
#include "tests/support/random.h"

namespace inc {
namespace {

using namespace inc::testing;

constexpr std::int64_t kSamples = 24;
constexpr const char* kSuppliedNet =
    R"(g (float[N,16] x) => (float[N,5] y) <float[16,32] w1, float[32] b1, float[32,24] w2, float[24] b2, float[24,5] w3> {
        a = MatMul(x, w1)  b = Add(a, b1)  c = Relu(b)  d = Gemm(c, w2, b2)  e = Relu(d)  y = MatMul(e, w3) })";

class SuppliedRows final : public eval::Dataset {
 public:
  explicit SuppliedRows(std::vector<ir::Tensor> rows) : rows_(std::move(rows)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  eval::Sample get(std::int64_t index) const override { return {{rows_.at(static_cast<std::size_t>(index))}, {}}; }
  bool labelled() const override { return false; }
  std::string describe() const override { return "rows"; }

 private:
  std::vector<ir::Tensor> rows_;
};

struct SuppliedRun : ::testing::Test {
  TemporaryDirectory directory;
  Rng rng{11};
  std::vector<ir::Tensor> rows, wanted;
  config::Config config;
  pipeline::QuantizeOptions options;
  std::shared_ptr<const std::string> model;
  int evaluations = 0;

  SuppliedRun() {
    const ir::Graph graph = onnx_io::import_text(kSuppliedNet);
    model = std::make_shared<const std::string>(onnx_io::export_bytes(graph));
    const auto fp32 = app::make_adaptor()->prepare(graph);
    for (std::int64_t i = 0; i < kSamples; ++i) {
      rows.push_back(random_tensor(DType::Float, {16}, rng));
      const ir::Tensor batch[] = {rows.back().reshaped({1, 16})};
      wanted.push_back(fp32->run(batch)[0]);
    }
    config.quantization.emplace();
    config.tuning.random_seed = 1;
    config.tuning.cost_model.keep_back = false;  // whatever is faster here
    config.tuning.accuracy_criterion.relative = 0.3;
    options.output = directory.path();
    options.supplied.model = model;
    options.supplied.calibration = {{std::make_shared<SuppliedRows>(rows), 4}};
    options.supplied.metric = closeness();
  }

  /// 1 less the mean difference from FP32.
  std::shared_ptr<eval::Metric> closeness() {
    return eval::make_outside_metric("closeness", true, [this](const ir::Graph&, const runtime::Executable& executable) {
      ++evaluations;
      double sum = 0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const ir::Tensor batch[] = {rows[i].reshaped({1, 16})};
        const ir::Tensor found = executable.run(batch)[0];
        for (std::int64_t j = 0; j < found.count(); ++j)
          sum += std::abs(found.data<float>()[j] - wanted[i].data<float>()[j]);
      }
      return 1 - sum / static_cast<double>(5 * rows.size());
    });
  }
  report::Report run() { return pipeline::quantize(config, *app::make_adaptor(), options); }
};

TEST_F(SuppliedRun, TakesModelSamplesAndEvaluationFromTheProgram) {
  const report::Report report = run();
  EXPECT_EQ(report.model, "model");
  EXPECT_EQ(report.metric, "closeness");
  EXPECT_TRUE(report.result.met);
  EXPECT_NEAR(report.baseline.accuracy, 1, 1e-5) << "fused sums are rounded differently";
  EXPECT_LT(report.result.accuracy, 1);
  EXPECT_EQ(evaluations, 1 + report.cost.trials);
  EXPECT_EQ(report.cost.samples_evaluated, report.cost.trials * kSamples);
  EXPECT_DOUBLE_EQ(report.cost.full_evaluations, static_cast<double>(report.cost.trials));
  EXPECT_EQ(report.result.fp32_model_bytes, static_cast<std::int64_t>(model->size()));
  const auto written = app::make_adaptor()->prepare(onnx_io::import_model(directory.path() / "model.onnx"));
  const auto again = closeness();
  again->run({}, *written);
  EXPECT_DOUBLE_EQ(again->value(), report.result.accuracy);
}

TEST_F(SuppliedRun, MissedTargetsReturnOperatorsToFp32) {
  config.tuning.accuracy_criterion.relative = 1e-9;
  const report::Report report = run();
  EXPECT_TRUE(report.result.met);
  for (const auto& row : report.ops) EXPECT_EQ(row.precision, "fp32") << row.name;
}

TEST_F(SuppliedRun, NeedsSamplesBesideAnEvaluation) {
  options.supplied.calibration.reset();
  EXPECT_THROW(run(), ConfigError);
  options.supplied.calibration = {{std::make_shared<SuppliedRows>(std::vector<ir::Tensor>{}), 4}};
  EXPECT_THROW(run(), DataError);
}

TEST_F(SuppliedRun, WantsAMetricForItsEvaluationData) {
  options.supplied.metric.reset();
  options.supplied.evaluation = options.supplied.calibration;
  EXPECT_THROW(run(), ConfigError);
}

TEST_F(SuppliedRun, ScoresThatAreNotFiniteEndTheRun) {
  options.supplied.metric =
      eval::make_outside_metric("nan", true, [](const ir::Graph&, const runtime::Executable&) { return std::nan(""); });
  EXPECT_THROW(run(), DataError);
}

TEST_F(SuppliedRun, ErrorsOfTheEvaluationReachTheProgram) {
  struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  options.supplied.metric = eval::make_outside_metric(
      "mine", true, [](const ir::Graph&, const runtime::Executable&) -> double { throw Mine("mine"); });
  EXPECT_THROW(run(), Mine);
}

TEST_F(SuppliedRun, StopsInsideAnEvaluation) {
  options.should_stop = [this] { return evaluations >= 2; };
  const report::Report report = run();
  EXPECT_EQ(report.stopped, "interrupted");
  EXPECT_EQ(report.cost.trials, 0);
}

TEST_F(SuppliedRun, WritesWhatItFoundWhenItIsInterruptedInTheLastStep) {
  struct Ending final : eval::Dataset {
    Ending(const eval::Dataset& whole, const int& count) : rows(whole), evaluations(count) {}
    std::int64_t size() const override { return rows.size(); }
    eval::Sample get(std::int64_t index) const override {
      if (evaluations >= 2) throw search::Interrupted{};
      return rows.get(index);
    }
    bool labelled() const override { return false; }
    std::string describe() const override { return rows.describe(); }
    const eval::Dataset& rows;
    const int& evaluations;
  };
  const SuppliedRows whole(rows);
  options.supplied.calibration = {{std::make_shared<Ending>(whole, evaluations), 4}};
  const report::Report report = run();
  EXPECT_TRUE(report.result.met);
  EXPECT_EQ(report.cost.trials, 1);
  EXPECT_TRUE(std::isnan(report.result.latency_ms)) << report.result.latency_ms;
  const auto written = app::make_adaptor()->prepare(onnx_io::import_model(directory.path() / "model.onnx"));
  const auto again = closeness();
  again->run({}, *written);
  EXPECT_DOUBLE_EQ(again->value(), report.result.accuracy);
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "report.json"));
}

TEST_F(SuppliedRun, AsksTheProgramsStrategy) {
  struct LastInFp32 final : search::Strategy {
    explicit LastInFp32(search::SearchSpace given) : space(std::move(given)) {}
    std::optional<search::Point> ask(const search::History& history) const override {
      if (history.size() > 0) return {};
      search::Point point = space.fastest();
      point.back() = space.fp32().back();
      return point;
    }
    std::string_view name() const override { return "last_in_fp32"; }
    search::SearchSpace space;
  };
  config.tuning.strategy.name = "last_in_fp32";
  options.supplied.strategy = [](const search::SearchSpace& space, const search::Knowledge&) {
    return std::make_unique<LastInFp32>(space);
  };
  config.tuning.cost_model.keep_back = false;
  const report::Report report = run();
  EXPECT_EQ(report.strategy, "last_in_fp32");
  ASSERT_EQ(report.ops.size(), 3U);
  EXPECT_EQ(report.ops[0].precision, "int8");
  EXPECT_EQ(report.ops[2].precision, "fp32");
}

TEST_F(SuppliedRun, RunsCandidatesInAnotherEngine) {
  int loaded = 0, runs = 0;
  const app::OutsideEngine engine{"other", "1", [&](const std::string& bytes) {
                                    ++loaded;
                                    const std::shared_ptr executable =
                                        app::make_adaptor("reference")->prepare(onnx_io::import_bytes(bytes, {}));
                                    return [&runs, executable](std::span<const ir::Tensor> inputs) {
                                      ++runs;
                                      return executable->run(inputs);
                                    };
                                  }};
  config.tuning.cost_model.keep_back = false;
  const report::Report report = pipeline::quantize(config, *app::make_adaptor(engine), options);
  EXPECT_TRUE(report.result.met);
  EXPECT_GE(loaded, 2);
  EXPECT_GE(runs, 2 * kSamples);
}

}  // namespace
}  // namespace inc
