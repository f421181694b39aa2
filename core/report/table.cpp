#include "core/report/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/report/report.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return left ? text + blanks : blanks + text;
}

}  // namespace

std::string boxed_table(const std::string& title, const TextRow& header, const std::vector<TextRow>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& cell : header) widths.push_back(width_of(cell));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string rule = "+";
  for (const auto width : widths) rule += std::string(width + 2, '-') + "+";
  const auto line = [&](const TextRow& row) {
    std::string text = "|";
    for (std::size_t i = 0; i < row.size(); ++i) text += " " + padded(row[i], widths[i], i == 0) + " |";
    return text + "\n";
  };
  const std::size_t inner = rule.size() - 2;
  const std::size_t left = inner > title.size() ? (inner - title.size()) / 2 : 0;
  std::string text = "+" + std::string(inner, '-') + "+\n|" + padded(std::string(left, ' ') + title, inner, true) + "|\n";
  text += rule + "\n" + line(header) + rule + "\n";
  for (const auto& row : rows) text += line(row);
  return text + rule + "\n";
}

std::string statistics_table(const std::vector<StatisticsRow>& rows) {
  std::vector<TextRow> cells;
  for (const auto& row : rows)
    cells.push_back({row.op_type, std::to_string(row.total), std::to_string(row.int8), std::to_string(row.bf16),
                     std::to_string(row.fp32)});
  return boxed_table("Mixed Precision Statistics", {"Op Type", "Total", "INT8", "BF16", "FP32"}, cells);
}

std::string sentence(const CorrectionRow& c) {
  const std::string kept =
      c.corrected == 0 ? fmt::format("Bias correction: none of {} operators", c.anchors)
                       : fmt::format("Bias correction: {} of {} operators, {} samples", c.corrected, c.anchors, c.samples);
  const std::string effect =
      c.before >= 0 ? fmt::format("; output error on held-back samples {} → {}", shown(c.before, 5), shown(c.after, 5)) : "";
  return kept + effect + (c.note.empty() ? "" : "; " + c.note) + ".";
}

std::string sentence(const ChoiceRow& c) {
  return fmt::format("{} takes the typical output error of full INT8 from {:.2g} to {:.2g}: {}.", c.what, c.before, c.after,
                     c.used ? "used" : "not used");
}

std::string sentence(const RangeRow& r) {
  if (r.changed == 0) return fmt::format("Ranges of {}: {} tensors, all as by min-max.", r.method, r.values);
  return fmt::format("Ranges of {}: {} of {} tensors clipped; width {} of min-max in the median, {} at least.", r.method,
                     r.changed, r.values, shown(r.median_width, 3), shown(r.least_width, 3));
}

std::string result_table(const Report& report) {
  const auto& result = report.result;
  std::vector<TextRow> rows;
  if (!report.metric.empty())
    rows.push_back({"Accuracy (" + report.metric + ")", shown(report.baseline.accuracy, 4), shown(result.accuracy, 4),
                    change_text(result.relative_loss)});
  for (std::size_t i = 1; i < report.metrics.size(); ++i)
    rows.push_back({"Accuracy (" + report.metrics[i].name + ")", shown(report.metrics[i].baseline, 4),
                    shown(report.metrics[i].result, 4), ""});
  for (const auto& detail : report.details)
    rows.push_back({"  " + detail.name, shown(detail.baseline, 4), shown(detail.result, 4), ""});
  rows.push_back({"Latency (ms a sample)", shown(report.baseline.latency_ms, 4), shown(result.latency_ms, 4),
                  compared_text(report.baseline.latency_ms, result.latency_ms, "faster", "slower")});
  rows.push_back({"Model size", size_text(result.fp32_model_bytes), size_text(result.model_bytes),
                  compared_text(static_cast<double>(result.fp32_model_bytes), static_cast<double>(result.model_bytes),
                                "smaller", "larger")});
  rows.push_back({"Trials", "", std::to_string(report.cost.trials), report.stopped});
  rows.push_back({"Duration (seconds)", "", fmt::format("{:.1f}", report.cost.seconds),
                  fmt::format("calibration {:.1f}", report.cost.calibration_seconds)});
  return boxed_table("Tune Result Statistics", {"Info Type", "Baseline", "Best tune result", "Change"}, rows);
}

}  // namespace inc::report
