#include "core/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/base/file.h"
#include "core/report/svg.h"

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

/// With everything that a run may find out.
Report rich() {
  Report r = example();
  r.model = "net";
  r.objective = "performance";
  r.ops[0].ms = 0.3, r.ops[0].fp32_ms = 0.8, r.ops[0].kernel = "onednn:brgconv:avx512_core_vnni";
  r.ops[0].sensitivity = 0.0121, r.ops[0].own_error = 0.0004;
  r.ops[1].ms = r.ops[1].fp32_ms = 0.1;
  r.trials[0].accuracy_low = 0.87, r.trials[0].accuracy_high = 0.9;
  r.trials[0].divergence = 0.01;
  r.metrics = {{"topk", "relative loss at most 0.01: at least 0.9064", 0.9156, 0.9101}, {"F1", "…at least 0.8", 0.81}};
  r.details = {{"AP small", "", 0.21, 0.18}};
  r.choices = {{"SmoothQuant", 0.02, 0.002, true}};
  r.cost_model = CostModelRow{"measured", "1x3x32x32", 0.2, 12, 2.0, 0.9, 1.0, {{"softmax", "bf16", 12.5}}};
  r.notes = {"Channels of 3 groups were reordered."};
  r.resolved_config = "version: 1.0\n";
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
  EXPECT_THAT(page, HasSubstr("<td class=\"name\">softmax<small>Softmax</small></td><td class=\"fp32\">fp32</td>"
                              "<td class=\"note\">has no INT8 form</td>"));
}

TEST(ReportHtml, LeavesOutColumnsThatNothingIsKnownOf) {
  EXPECT_THAT(to_html(example()), Not(HasSubstr("Sensitivity")));
  EXPECT_THAT(to_html(rich()), HasSubstr("Sensitivity"));
  EXPECT_THAT(to_html(rich()), HasSubstr(">11 %<"));  // root of 0.0121
}

/// One tag a line, without the style.
std::string body_of(const std::string& page) {
  std::string text;
  for (std::size_t i = page.find("<main>"); i < page.size(); ++i) {
    if (page[i] == '<' && page[i + 1] != '/' && !text.empty()) text += '\n';
    text += page[i];
  }
  return text;
}

TEST(ReportHtml, IsThatOfTheGoldenFile) {
  const std::filesystem::path path = std::filesystem::path(INC_SOURCE_DIR) / "tests/golden/report/page.html";
  const std::string text = body_of(to_html(rich()));
  if (std::getenv("INC_UPDATE_GOLDEN") != nullptr) write_file_atomically(path, text);
  EXPECT_EQ(read_file(path), text) << "run again with INC_UPDATE_GOLDEN=1 and review the difference";
}

/// The faults of a page: tags closed out of order, duplicate attributes, anything that is loaded or run.
std::vector<std::string> faults(const std::string& page) {
  std::vector<std::string> open, found;
  const std::regex tag("<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\\s+[a-zA-Z0-9-]+(?:=\"[^\"<]*\")?)*)\\s*(/?)>"),
      attribute("([a-zA-Z0-9-]+)=");
  std::size_t count = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), tag), end; it != end; ++it, ++count) {
    const std::string name = (*it)[2], attributes = (*it)[3];
    if (name == "script" || name == "link" || name == "img" || name == "iframe") found.push_back(name);
    std::set<std::string> seen;
    for (std::sregex_iterator a(attributes.begin(), attributes.end(), attribute); a != end; ++a)
      if (!seen.insert((*a)[1]).second || (*a)[1] == "src" || (*a)[1] == "href") found.push_back(name + " " + a->str());
    if ((*it)[1] == "/") {
      if (open.empty() || open.back() != name)
        found.push_back("closed out of order: " + name);
      else
        open.pop_back();
    } else if ((*it)[4] != "/" && name != "meta") {
      open.push_back(name);
    }
  }
  found.insert(found.end(), open.begin(), open.end());
  const auto angles = std::count(page.begin(), page.end(), '<');
  if (static_cast<std::ptrdiff_t>(count) + 1 != angles) found.push_back("a tag that is none");  // one for <!doctype html>
  for (const char* outside : {"http:", "https:", "url(", "@import"})
    if (page.find(outside) != std::string::npos) found.push_back(outside);
  return found;
}

TEST(ReportHtml, IsWellFormedAndLoadsNothing) {
  EXPECT_THAT(faults(to_html(rich())), testing::IsEmpty());
  EXPECT_THAT(faults(to_html(example())), testing::IsEmpty());
  EXPECT_THAT(faults(to_html({})), testing::IsEmpty());
  EXPECT_EQ(faults("<!doctype html><p><b></p>").size(), 3u);
}

TEST(ReportJson, SaysWhatIsKnownOfOperatorsTrialsAndMetrics) {
  const auto json = nlohmann::json::parse(to_json(rich()));
  EXPECT_DOUBLE_EQ(json["ops"][0]["sensitivity"], 0.0121);
  EXPECT_DOUBLE_EQ(json["ops"][0]["fp32_ms"], 0.8);
  EXPECT_TRUE(json["ops"][1]["sensitivity"].is_null());
  EXPECT_DOUBLE_EQ(json["trials"][0]["accuracy_low"], 0.87);
  EXPECT_EQ(json["metrics"].size(), 2u);
  EXPECT_TRUE(json["metrics"][1]["result"].is_null());
  EXPECT_EQ(json["details"][0]["name"], "AP small");
  EXPECT_DOUBLE_EQ(json["details"][0]["result"], 0.18);
  EXPECT_THAT(result_table(rich()), HasSubstr("|   AP small "));
  EXPECT_EQ(json["calibration"]["choices"][0]["used"], true);
}

TEST(Charts, ShortenLongLabelsInTheMiddle) {
  const std::string name = "/model/encoder/layers.0/self_attn/out_proj/MatMul_with_a_name_that_goes_on_and_on/output";
  const std::string chart = bar_chart("title", {{name, "1", 1, false}});
  EXPECT_THAT(chart, HasSubstr("/model/encoder"));
  EXPECT_THAT(chart, HasSubstr("…"));
  EXPECT_THAT(chart, HasSubstr("goes_on_and_on/output"));
  EXPECT_THAT(chart, Not(HasSubstr(name)));
}

TEST(Charts, DrawIntervalsOnlyWhereThereAre) {
  const std::string plot = scatter_plot({"t", {"x"}, {"y"}, {{1, 2, "a", false, 1.5, 2.5}, {2, 3, "b"}}, 0, "", {}});
  EXPECT_EQ(plot.find("class=\"span\""), plot.rfind("class=\"span\""));
  EXPECT_THAT(plot, HasSubstr("class=\"span\""));
  EXPECT_EQ(scatter_plot({}), "");
}

TEST(ResultTable, ComparesBaselineAndBest) {
  const std::string table = result_table(example());
  EXPECT_THAT(table, HasSubstr("| Accuracy (topk)       |    0.9156 |           0.9101 |         -0.60 % |"));
  EXPECT_THAT(table, HasSubstr("2.00x faster"));
  EXPECT_THAT(table, HasSubstr("3.67x smaller"));
  Report worse = example();
  std::swap(worse.baseline.latency_ms, worse.result.latency_ms);
  std::swap(worse.result.fp32_model_bytes, worse.result.model_bytes);
  EXPECT_THAT(result_table(worse), HasSubstr("2.00x slower"));
  EXPECT_THAT(result_table(worse), HasSubstr("3.67x larger"));
  EXPECT_THAT(to_html(worse), HasSubstr("larger · "));
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
