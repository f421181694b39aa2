#include <fmt/format.h>

#include "core/report/page.h"
#include "core/report/sections.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

/// "1.63×", or nothing.
std::string times(double from, double to) {
  std::string text = times_text(from, to);
  if (text.ends_with('x')) text.replace(text.size() - 1, 1, "×");
  return text;
}

std::string pair_chart(const std::string& title, double fp32, double result, int decimals) {
  return bar_chart(title, {{"FP32", shown(fp32, decimals), fp32, false}, {"result", shown(result, decimals), result, true}});
}

std::string metric_chart(const MetricRow& metric) {
  return pair_chart("Accuracy (" + metric.name + ")", metric.baseline, metric.result, 4);
}

std::string relative_chart(const Report& r) {
  std::vector<Bar> bars{{"FP32", "1", 1, false}};
  const auto add = [&](const char* label, double value, double of) {
    const double share = value / of;
    bars.push_back({label, shown(share, 3), share, true});
  };
  if (!r.metric.empty()) add("accuracy", r.result.accuracy, r.baseline.accuracy);
  add("latency", r.result.latency_ms, r.baseline.latency_ms);
  add("size", static_cast<double>(r.result.model_bytes), static_cast<double>(r.result.fp32_model_bytes));
  return bar_chart("Relative to FP32", bars);
}

std::string verdict(const Report& r) {
  if (r.metric.empty()) return "<p><span class=\"verdict none\">not tuned</span>there is no accuracy evaluation</p>";
  return fmt::format("<p><span class=\"verdict{}\">{}</span>{}</p>", r.result.met ? "" : " missed",
                     r.result.met ? "target met" : "target missed", escaped(r.result.target));
}

}  // namespace

std::string head(const Report& r) {
  std::vector<std::string> each;
  if (!r.metric.empty()) {
    each.push_back(tile(shown(r.result.accuracy, 4), fmt::format("{} · FP32 {}", r.metric, shown(r.baseline.accuracy, 4))));
    each.push_back(tile(change_text(r.result.relative_loss), "relative change of accuracy"));
  }
  const double fp32_bytes = static_cast<double>(r.result.fp32_model_bytes);
  const double bytes = static_cast<double>(r.result.model_bytes);
  each.push_back(
      tile(times(r.baseline.latency_ms, r.result.latency_ms),
           fmt::format("as fast · {} → {} ms a sample", shown(r.baseline.latency_ms, 3), shown(r.result.latency_ms, 3))));
  each.push_back(
      tile(bytes > fp32_bytes ? times(bytes, fp32_bytes) : times(fp32_bytes, bytes),
           fmt::format("{} · {} → {}", bytes > fp32_bytes ? "larger" : "smaller", size_text(r.result.fp32_model_bytes), size_text(r.result.model_bytes))));
  each.push_back(r.metric.empty() ? tile(shown(r.cost.seconds, 1) + " s", "for the run")
                                  : tile(std::to_string(r.cost.trials),
                                         fmt::format("trial{} in {} s, {} full evaluations", r.cost.trials == 1 ? "" : "s",
                                                     shown(r.cost.seconds, 1), shown(r.cost.full_evaluations, 1))));
  each.push_back(tile(size_text(r.cost.peak_rss_bytes), "peak memory of the run"));
  return fmt::format("<h1>{}</h1><p class=\"sub\">inc-cpp {} · strategy {} · {}</p>", escaped(r.model), escaped(r.version),
                     escaped(r.strategy), escaped(r.stopped)) +
         verdict(r) + tiles(each);
}

std::string figures(const Report& r) {
  std::vector<std::string> each;
  if (!r.metric.empty() && r.metrics.empty())
    each.push_back(metric_chart({r.metric, "", r.baseline.accuracy, r.result.accuracy}));
  for (const auto& metric : r.metrics) each.push_back(metric_chart(metric));
  each.push_back(pair_chart("Latency, ms a sample", r.baseline.latency_ms, r.result.latency_ms, 4));
  each.push_back(pair_chart("Model, kB", static_cast<double>(r.result.fp32_model_bytes) / 1e3,
                            static_cast<double>(r.result.model_bytes) / 1e3, 0));
  each.push_back(relative_chart(r));
  std::vector<Row> rows;
  for (const auto* all : {&r.metrics, &r.details})
    for (const auto& metric : *all)
      rows.push_back({text_cell(metric.name), number_cell(metric.baseline, 4), number_cell(metric.result, 4),
                      text_cell(metric.target, "note")});
  std::string several;
  if (rows.size() >= 2) several = table({{"Metric"}, {"FP32", "n"}, {"Result", "n"}, {"Target", "note"}}, rows);
  return section("FP32 and the result", charts(each) + several);
}

std::string to_html(const Report& r) {
  return page(r.model + " – inc-cpp report",
              head(r) + figures(r) + precisions(r) + search(r) + operators(r) + calibration(r) + costs(r) + about(r));
}

}  // namespace inc::report
