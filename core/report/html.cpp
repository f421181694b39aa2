#include <fmt/format.h>

#include <string_view>

#include "core/report/page.h"
#include "core/report/report.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

std::string faster(double from, double to) {
  std::string text = times_text(from, to);
  if (text.ends_with('x')) text.replace(text.size() - 1, 1, "×");
  return text;
}

std::string header(const Report& r) {
  const bool tuned = !r.metric.empty();
  std::string text = fmt::format("<h1>{}</h1><p class=\"sub\">inc-cpp {} · strategy {} · {}</p>", escaped(r.model),
                                 escaped(r.version), escaped(r.strategy), escaped(r.stopped));
  if (tuned)
    text += fmt::format("<p><span class=\"verdict{}\">{}</span> {}</p>", r.result.met ? "" : " missed",
                        r.result.met ? "target met" : "target missed", escaped(r.result.target));
  text += "<div class=\"tiles\">";
  if (tuned) {
    text += tile(shown(r.result.accuracy, 4), fmt::format("{} · FP32 {}", r.metric, shown(r.baseline.accuracy, 4)));
    text += tile(change_text(r.result.relative_loss), "relative change of accuracy");
  }
  text += tile(faster(r.baseline.latency_ms, r.result.latency_ms),
               fmt::format("faster · {} → {} ms a sample", shown(r.baseline.latency_ms, 3), shown(r.result.latency_ms, 3)));
  text += tile(faster(static_cast<double>(r.result.fp32_model_bytes), static_cast<double>(r.result.model_bytes)),
               fmt::format("smaller · {} → {}", size_text(r.result.fp32_model_bytes), size_text(r.result.model_bytes)));
  text += tile(std::to_string(r.cost.trials), fmt::format("trials in {} s, {} full evaluations", shown(r.cost.seconds, 1),
                                                          shown(r.cost.full_evaluations, 1)));
  return text + tile(size_text(r.cost.peak_rss_bytes), "peak memory") + "</div>";
}

std::string pair_chart(const std::string& title, double fp32, double result, int decimals) {
  return bar_chart(title, {{"FP32", shown(fp32, decimals), fp32, false}, {"result", shown(result, decimals), result, true}});
}

std::string normalized_chart(const Report& r) {
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

std::string charts(const Report& r) {
  std::string text = "<h2>FP32 and the result</h2><div class=\"charts\">";
  if (!r.metric.empty()) text += pair_chart("Accuracy (" + r.metric + ")", r.baseline.accuracy, r.result.accuracy, 4);
  text += pair_chart("Latency, ms a sample", r.baseline.latency_ms, r.result.latency_ms, 4);
  text += pair_chart("Model, kB", static_cast<double>(r.result.fp32_model_bytes) / 1e3,
                     static_cast<double>(r.result.model_bytes) / 1e3, 0);
  text += normalized_chart(r) + "</div>";
  if (r.trials.empty()) return text;
  Plot trials{
      "Accuracy by trial (coloured: target met)", {"trial", true}, {"accuracy"}, {}, r.result.threshold, "target", true};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      trials.dots.push_back({static_cast<double>(t.number), t.accuracy,
                             fmt::format("trial {}: {}, {} int8", t.number, shown(t.accuracy, 4), t.int8), t.met});
  Plot front{"Accuracy and latency (coloured: best trade-offs)",
             {"ms a sample"},
             {"accuracy"},
             {},
             r.result.threshold,
             "target",
             false};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      front.dots.push_back({t.latency_ms, t.accuracy,
                            fmt::format("trial {}: {} int8, {} bf16, {} fp32", t.number, t.int8, t.bf16, t.fp32), false});
  for (const auto& p : r.pareto) front.dots.push_back({p.latency_ms, p.accuracy, p.config, true});
  return text + "<h2>The search</h2><div class=\"charts\">" + scatter_plot(trials) + scatter_plot(front) + "</div>";
}

std::string statistics(const Report& r) {
  std::vector<Row> rows;
  for (const auto& s : r.statistics)
    rows.push_back({text_cell(s.op_type), count_cell(s.total), count_cell(s.int8), count_cell(s.bf16), count_cell(s.fp32)});
  return "<h2>Mixed precision statistics</h2>" +
         table({{"Op Type"}, {"Total", "n"}, {"INT8", "n"}, {"BF16", "n"}, {"FP32", "n"}}, rows);
}

std::string operators(const Report& r) {
  std::vector<Row> rows;
  for (const auto& op : r.ops) {
    rows.push_back({text_cell(op.name, "name"), text_cell(op.op_type), precision_cell(op.precision), text_cell(op.reason)});
  }
  return "<h2>Operators</h2>" + table({{"Name", "name"}, {"Type"}, {"Precision"}, {"Reason"}}, rows);
}

std::string trials(const Report& r) {
  if (r.trials.empty()) return "";
  std::vector<Row> rows;
  for (const auto& t : r.trials) {
    const bool ok = t.failed.empty();
    const auto measured = [&](double value, int decimals) { return ok ? number_cell(value, decimals) : Cell{"", "n"}; };
    rows.push_back({count_cell(static_cast<std::int64_t>(t.number)), measured(t.accuracy, 4), measured(t.relative_loss, 4),
                    measured(t.latency_ms, 4), count_cell(t.int8), count_cell(t.bf16), count_cell(t.fp32),
                    number_cell(t.seconds, 1),
                    text_cell(!ok     ? "failed: " + t.failed
                              : t.met ? "met"
                                      : "missed",
                              ok && t.met ? "good" : "")});
  }
  return "<h2>Trials</h2>" + table({{"Trial", "n"},
                                    {"Accuracy", "n"},
                                    {"Relative loss", "n"},
                                    {"ms a sample", "n"},
                                    {"INT8", "n"},
                                    {"BF16", "n"},
                                    {"FP32", "n"},
                                    {"Seconds", "n"},
                                    {"Verdict"}},
                                   rows);
}

std::string pareto(const Report& r) {
  if (r.pareto.empty()) return "";
  std::vector<Row> rows;
  for (const auto& p : r.pareto)
    rows.push_back({number_cell(p.accuracy, 4),
                    number_cell(p.latency_ms, 4),
                    {size_text(p.model_bytes), "n"},
                    {size_text(p.footprint_bytes), "n"},
                    text_cell(p.config)});
  return "<h2>Best trade-offs</h2><p>Of FP32 and what was evaluated on the whole set: what nothing else beats in accuracy, "
         "latency and size together. Objective: " +
         escaped(r.objective) + ".</p>" +
         table({{"Accuracy", "n"}, {"ms a sample", "n"}, {"Model", "n"}, {"Memory of a run", "n"}, {"Operators"}}, rows);
}

std::string calibration(const Report& r) {
  std::string text;
  if (r.correction) text += fmt::format("<p>{}</p>", escaped(sentence(*r.correction)));
  if (!r.ranges.empty()) {
    std::vector<Row> rows;
    for (const auto& range : r.ranges)
      rows.push_back({text_cell(range.method), count_cell(range.values), count_cell(range.changed),
                      number_cell(range.median_width, 3), number_cell(range.least_width, 3)});
    text += table({{"Method"}, {"Tensors", "n"}, {"Clipped", "n"}, {"Median width", "n"}, {"Least width", "n"}}, rows);
    text += "<p>Widths of the calibrated ranges over those of min-max.</p>";
  }
  for (const auto& note : r.notes) text += fmt::format("<p>{}</p>", escaped(note));
  return text.empty() ? "" : "<h2>Calibration</h2>" + text;
}

}  // namespace

std::string to_html(const Report& r) {
  std::string body = header(r) + charts(r) + statistics(r) + calibration(r) + operators(r) + pareto(r) + trials(r);
  body += fmt::format("<h2>Machine</h2><p>{} · ISA {} · {} threads</p>", escaped(r.machine.cpu), escaped(r.machine.isa),
                      r.machine.threads);
  body += folded("Resolved configuration", fmt::format("<pre>{}</pre>", escaped(r.resolved_config)));
  return page(r.model + " – inc-cpp report", body);
}

}  // namespace inc::report
