#include <fmt/format.h>

#include "core/report/page.h"
#include "core/report/sections.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

std::string mix(const TrialRow& t) {
  return t.bf16 > 0 ? fmt::format("{} int8, {} bf16, {} fp32", t.int8, t.bf16, t.fp32)
                    : fmt::format("{} int8, {} fp32", t.int8, t.fp32);
}

bool sampled(const TrialRow& t) {
  return t.accuracy_low < t.accuracy_high;
}

std::string accuracy_text(const TrialRow& t) {
  if (!sampled(t)) return shown(t.accuracy, 4);
  return fmt::format("{} ({} to {})", shown(t.accuracy, 4), shown(t.accuracy_low, 4), shown(t.accuracy_high, 4));
}

std::string trials_plot(const Report& r) {
  Plot plot{"Accuracy over time", {"seconds of search"}, {"accuracy"}, {}, r.result.threshold, "target", {}};
  plot.dots.push_back({0, r.baseline.accuracy, "FP32: " + shown(r.baseline.accuracy, 4)});
  double seconds = 0;
  for (const auto& t : r.trials) {
    seconds += t.seconds;
    if (t.failed.empty())
      plot.dots.push_back({seconds, t.accuracy, fmt::format("trial {}: {}, {}", t.number, accuracy_text(t), mix(t)), t.met,
                           t.accuracy_low, t.accuracy_high});
  }
  return scatter_plot(plot);
}

std::string front_plot(const Report& r) {
  Plot plot{"Accuracy and latency", {"ms a sample"}, {"accuracy"}, {}, r.result.threshold, "target", {}};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      plot.dots.push_back(
          {t.latency_ms, t.accuracy, fmt::format("trial {}: {}", t.number, mix(t)), false, t.accuracy_low, t.accuracy_high});
  if (plot.dots.size() + r.pareto.size() < 3) return "";
  for (const auto& p : r.pareto) {
    plot.dots.push_back({p.latency_ms, p.accuracy, p.config, true});
    plot.front.emplace_back(p.latency_ms, p.accuracy);
  }
  return scatter_plot(plot);
}

std::string front_table(const Report& r) {
  if (r.pareto.empty()) return "";
  std::vector<Row> rows;
  for (const auto& p : r.pareto)
    rows.push_back({text_cell(p.config),
                    number_cell(p.accuracy, 4),
                    number_cell(p.latency_ms, 4),
                    {escaped(size_text(p.model_bytes)), "n"},
                    {escaped(size_text(p.footprint_bytes)), "n"}});
  return "<h3>Best trade-offs</h3>" +
         paragraph(
             "Of FP32 and what was evaluated on the whole set: what nothing else beats in accuracy, latency and size "
             "together. Objective: " +
             r.objective + ".") +
         table({{"Operators"}, {"Accuracy", "n"}, {"ms a sample", "n"}, {"Model", "n"}, {"Memory of a run", "n"}}, rows);
}

std::string trials_table(const Report& r) {
  std::vector<Row> rows;
  for (const auto& t : r.trials) {
    const bool ok = t.failed.empty();
    const auto measured = [&](double value, int decimals) { return ok ? number_cell(value, decimals) : Cell{"", "n"}; };
    const std::string interval =
        sampled(t) ? fmt::format("{} to {}", shown(t.accuracy_low, 4), shown(t.accuracy_high, 4)) : "";
    rows.push_back(
        {count_cell(static_cast<std::int64_t>(t.number)),
         measured(t.accuracy, 4),
         {ok ? interval : "", "n"},
         measured(t.relative_loss, 4),
         measured(t.latency_ms, 4),
         count_cell(t.int8),
         count_cell(t.bf16),
         count_cell(t.fp32),
         number_cell(t.seconds, 1),
         ok ? text_cell(t.met ? "met" : "missed", t.met ? "good" : "bad") : text_cell("failed: " + t.failed, "note")});
  }
  return "<h3>Trials</h3>" + table({{"Trial", "n"},
                                    {"Accuracy", "n"},
                                    {"Interval", "n"},
                                    {"Relative loss", "n"},
                                    {"ms a sample", "n"},
                                    {"INT8", "n"},
                                    {"BF16", "n"},
                                    {"FP32", "n"},
                                    {"Seconds", "n"},
                                    {"Verdict"}},
                                   rows);
}

}  // namespace

std::string search(const Report& r) {
  if (r.trials.empty()) return "";
  return section(
      "The search",
      paragraph(fmt::format("Coloured: what meets the target, and the best trade-offs; at 0 seconds FP32. A vertical line: "
                            "where the accuracy lies that was not measured on all samples. Milliseconds of candidates are {} "
                            "and shown at the pace of FP32 as it was measured for the result.",
                            r.cost_model ? "predicted by the cost model" : "those of their evaluation")) +
          charts({trials_plot(r), front_plot(r)}) + front_table(r) + trials_table(r));
}

}  // namespace inc::report
