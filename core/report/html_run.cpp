#include <fmt/format.h>

#include <algorithm>

#include "core/report/page.h"
#include "core/report/sections.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

std::string effect_chart(const std::string& title, double before, double after) {
  return bar_chart(title, {{"before", fmt::format("{:.3g}", before), before, false},
                           {"after", fmt::format("{:.3g}", after), after, true}});
}

std::string ranges(const Report& r) {
  std::vector<Row> rows;
  for (const auto& range : r.ranges)
    rows.push_back({text_cell(range.method), count_cell(range.values), count_cell(range.changed),
                    number_cell(range.median_width, 3), number_cell(range.least_width, 3)});
  if (rows.empty()) return "";
  return "<h3>Ranges against min-max</h3>" +
         table({{"Method"}, {"Tensors", "n"}, {"Clipped", "n"}, {"Median width", "n"}, {"Least width", "n"}}, rows) +
         paragraph("Widths of the calibrated ranges over those of min-max.");
}

std::string stages(const Report& r) {
  std::vector<Row> rows;
  double most = 0;
  for (const auto& stage : r.cost.stages) most = std::max(most, stage.seconds);
  for (const auto& stage : r.cost.stages)
    rows.push_back(
        {text_cell(stage.name), bar_cell(shown(stage.seconds, 2), stage.seconds / most), number_cell(stage.cpu_seconds, 2)});
  if (rows.empty()) return "";
  return table({{"Stage"}, {"Seconds", "b"}, {"Of all threads, s", "n"}}, rows);
}

std::string cost_model(const CostModelRow& c) {
  std::string text =
      "<h3>What the cost model said</h3>" +
      paragraph(fmt::format("Times {}, on inputs of {}: {} candidates in {} s. Predicted, ms a sample: FP32 {}, the "
                            "fastest allowed {}, the result {}.",
                            c.source, c.shapes, c.candidates, shown(c.seconds, 2), shown(c.fp32_ms, 4),
                            shown(c.fastest_ms, 4), shown(c.result_ms, 4)));
  std::vector<Row> rows;
  for (const auto& kept : c.kept_back)
    rows.push_back({text_cell(kept.name, "name"),
                    text_cell(kept.precision),
                    {kept.microseconds > 0 ? shown(kept.microseconds, 1) : "", "n"}});
  if (rows.empty()) return text;
  return text + folded(fmt::format("{} precisions kept back because they would be slower", rows.size()),
                       table({{"Operator", "name"}, {"Precision"}, {"Would add, µs a run", "n"}}, rows));
}

}  // namespace

std::string calibration(const Report& r) {
  std::vector<std::string> figures;
  std::string text;
  for (const auto& choice : r.choices) {
    text += paragraph(sentence(choice));
    figures.push_back(
        effect_chart(fmt::format("{}: output error of full INT8 ({})", choice.what, choice.used ? "used" : "not used"),
                     choice.before, choice.after));
  }
  if (const auto& c = r.correction) {
    text += paragraph(sentence(*c));
    if (c->before >= 0)
      figures.push_back(effect_chart("Bias correction: output error on held-back samples", c->before, c->after));
  }
  return section("Calibration", text + charts(figures) + ranges(r));
}

std::string costs(const Report& r) {
  return section("Where the run's time went", stages(r) + (r.cost_model ? cost_model(*r.cost_model) : ""));
}

std::string about(const Report& r) {
  std::string notes;
  for (const auto& note : r.notes) notes += fmt::format("<li>{}</li>", escaped(note));
  return (notes.empty() ? "" : section("Notes", fmt::format("<ul>{}</ul>", notes))) +
         section("Machine", paragraph(fmt::format("{} · ISA {} · {} thread{}", r.machine.cpu, r.machine.isa,
                                                  r.machine.threads, r.machine.threads == 1 ? "" : "s"))) +
         folded("Resolved configuration", fmt::format("<pre>{}</pre>", escaped(r.resolved_config)));
}

}  // namespace inc::report
