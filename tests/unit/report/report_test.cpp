#include "core/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace inc::report {
namespace {

using testing::HasSubstr;
using testing::Not;

Report example() {
  Report r;
  r.version = "0.1.0";
  r.model = "net <b>&\"1\"";
  r.metric = "topk";
  r.strategy = "basic";
  r.stopped = "target met";
  r.baseline = {0.9156, 2.0};
  r.result.met = true;
  r.result.accuracy = 0.9101;
  r.result.relative_loss = 0.006;
  r.result.latency_ms = 1.0;
  r.result.model_bytes = 300'000;
  r.result.fp32_model_bytes = 1'100'000;
  r.result.threshold = 0.9064;
  r.result.target = "relative loss at most 0.01: at least 0.9064";
  r.cost = {2, 10'000, 2.0, 0.3, 12.5, 123'000'000, {{"search", 12.0, 11.5}}};
  r.statistics = {{"Conv", 19, 18, 0, 1}, {"QuantizeLinear", 20, 20, 0, 0}};
  r.ops = {{"conv</script>1", "Conv", "int8", "8-bit weights and activations"},
           {"softmax", "Softmax", "fp32", "has no INT8 form"}};
  r.pareto = {{0.91, 1.0, "18 int8, 1 fp32"}, {0.9156, 2.0, "fp32"}};
  r.trials = {{1, 0.89, 0.028, 0.9, 6.0, 19, 0, 0, false, ""}, {2, 0.9101, 0.006, 1.0, 6.1, 18, 0, 1, true, ""}};
  r.ranges = {{"kl", 20, 5, 0.98, 0.71}};
  r.correction = CorrectionRow{19, 12, 100, 0.01, 0.002, ""};
  r.machine = {"some cpu", "avx2", 2};
  return r;
}

TEST(Sentences, SayWhatCalibrationDid) {
  EXPECT_EQ(sentence(RangeRow{"kl", 20, 5, 0.98, 0.71}),
            "Ranges of kl: 5 of 20 tensors clipped; width 0.980 of min-max in the median, 0.710 at least.");
  EXPECT_EQ(sentence(RangeRow{"mse", 20, 0, 1, 1}), "Ranges of mse: 20 tensors, all as by min-max.");
  EXPECT_EQ(sentence(CorrectionRow{19, 12, 100, 0.01, 0.002, ""}),
            "Bias correction: 12 of 19 operators, 100 samples; output error on held-back samples 0.01000 → 0.00200.");
  EXPECT_EQ(sentence(CorrectionRow{19, 0, 3, -1, -1, "too few samples"}),
            "Bias correction: none of 19 operators; too few samples.");
}

TEST(ReportJson, HasEveryPromisedField) {
  const auto json = nlohmann::json::parse(to_json(example()));
  for (const auto* path : {"/version",
                           "/model",
                           "/baseline/accuracy",
                           "/baseline/latency_ms",
                           "/result/met",
                           "/result/accuracy",
                           "/result/relative_loss",
                           "/result/latency_ms",
                           "/result/model_bytes",
                           "/cost/stages/0/cpu_seconds",
                           "/cost/trials",
                           "/cost/samples_evaluated",
                           "/cost/full_evaluations",
                           "/cost/calibration_seconds",
                           "/cost/seconds",
                           "/cost/peak_rss_bytes",
                           "/statistics/0/op_type",
                           "/statistics/0/total",
                           "/statistics/0/int8",
                           "/statistics/0/bf16",
                           "/statistics/0/fp32",
                           "/ops/0/name",
                           "/ops/0/op_type",
                           "/ops/0/precision",
                           "/ops/0/reason",
                           "/pareto/0/accuracy",
                           "/pareto/0/latency_ms",
                           "/pareto/0/model_bytes",
                           "/pareto/0/footprint_bytes",
                           "/pareto/0/config",
                           "/machine/cpu",
                           "/machine/isa",
                           "/machine/threads"})
    EXPECT_TRUE(json.contains(nlohmann::json::json_pointer(path))) << path;
  EXPECT_DOUBLE_EQ(json["result"]["accuracy"], 0.9101);
}

TEST(ReportJson, WritesNullForWhatIsNotFinite) {
  Report r = example();
  r.baseline.accuracy = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(nlohmann::json::parse(to_json(r))["baseline"]["accuracy"].is_null());
}

TEST(ReportHtml, EscapesNamesAndLoadsNothing) {
  const std::string page = to_html(example());
  EXPECT_THAT(page, HasSubstr("net &lt;b&gt;&amp;&quot;1&quot;"));
  EXPECT_THAT(page, HasSubstr("conv&lt;/script&gt;1"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
}

TEST(ReportHtml, SurvivesNumbersThatAreNotFinite) {
  Report r = example();
  r.result.latency_ms = r.baseline.latency_ms = 0;
  r.trials[0].accuracy = std::numeric_limits<double>::infinity();
  r.pareto[0].latency_ms = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(to_html(r), HasSubstr("</html>"));
}

TEST(ReportHtml, SaysNothingOfNan) {
  Report r = example();
  r.baseline.accuracy = r.result.accuracy = r.result.relative_loss = std::numeric_limits<double>::quiet_NaN();
  r.trials[0].failed = "overflow";
  r.trials[0].accuracy = r.trials[0].latency_ms = std::numeric_limits<double>::quiet_NaN();
  const std::string page = to_html(r);
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, HasSubstr("failed: overflow"));
  EXPECT_THAT(result_table(r), Not(HasSubstr("nan")));
}

TEST(ReportHtml, EveryOperatorHasItsRowAndReason) {
  const std::string page = to_html(example());
  EXPECT_THAT(page, HasSubstr("<td class=\"name\">softmax</td><td>Softmax</td><td class=\"fp32\">fp32</td><td>has no INT8 form</td>"));
}

TEST(ResultTable, ComparesBaselineAndBest) {
  const std::string table = result_table(example());
  EXPECT_THAT(table, HasSubstr("| Accuracy (topk)       |    0.9156 |           0.9101 |         -0.60 % |"));
  EXPECT_THAT(table, HasSubstr("2.00x faster"));
  EXPECT_THAT(table, HasSubstr("3.67x smaller"));
}

TEST(StatisticsTable, IsBoxedAsIncPrintsIt) {
  EXPECT_EQ(statistics_table({{"Conv", 19, 18, 0, 1}, {"QuantizeLinear", 20, 20, 0, 0}}),
            "+---------------------------------------------+\n"
            "|         Mixed Precision Statistics          |\n"
            "+----------------+-------+------+------+------+\n"
            "| Op Type        | Total | INT8 | BF16 | FP32 |\n"
            "+----------------+-------+------+------+------+\n"
            "| Conv           |    19 |   18 |    0 |    1 |\n"
            "| QuantizeLinear |    20 |   20 |    0 |    0 |\n"
            "+----------------+-------+------+------+------+\n");
}

TEST(PeakMemory, IsThatOfThisProcess) {
  EXPECT_GT(peak_rss_bytes(), 1'000'000);
}

}  // namespace
}  // namespace inc::report
