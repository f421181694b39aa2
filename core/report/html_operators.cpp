#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/report/page.h"
#include "core/report/sections.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

constexpr std::size_t kCharted = 8, kUnfolded = 60;

/// One unit and one number of decimals for a column of times.
struct TimeUnit {
  double scale = 1;
  int decimals = 3;
  const char* name = "ms";
  std::string text(double ms) const { return std::isfinite(ms) ? shown(ms * scale, decimals) : ""; }
};

TimeUnit unit_for(double longest_ms) {
  return longest_ms < 1 ? TimeUnit{1e3, 1, "µs"} : TimeUnit{};
}

template <class Member>
double largest(const std::vector<OpRow>& ops, Member member) {
  double most = 0;
  for (const auto& op : ops)
    if (std::isfinite(op.*member)) most = std::max(most, op.*member);
  return most;
}

template <class Member>
bool known(const std::vector<OpRow>& ops, Member member) {
  return std::any_of(ops.begin(), ops.end(), [&](const OpRow& op) { return !std::isnan(op.*member); });
}

/// Root of a normalised squared error.
std::string error_text(double squared) {
  if (std::isnan(squared)) return "";
  return std::isfinite(squared) ? fmt::format("{:.2g} %", 100 * std::sqrt(squared)) : "fails";
}

template <class Member>
std::vector<const OpRow*> ranked(const std::vector<OpRow>& ops, Member member) {
  std::vector<const OpRow*> out;
  for (const auto& op : ops)
    if (op.*member > 0) out.push_back(&op);
  std::stable_sort(out.begin(), out.end(), [&](const OpRow* a, const OpRow* b) { return a->*member > b->*member; });
  if (out.size() > kCharted) out.resize(kCharted);
  return out;
}

std::string sensitivity_chart(const Report& r) {
  const double most = largest(r.ops, &OpRow::sensitivity);
  std::vector<Bar> bars;
  for (const OpRow* op : ranked(r.ops, &OpRow::sensitivity))
    bars.push_back({op->name, error_text(op->sensitivity),
                    std::sqrt(std::isfinite(op->sensitivity) ? op->sensitivity : most), op->precision != "fp32"});
  return bars.empty()
             ? ""
             : bar_chart("Most sensitive: error of the outputs from this operator alone (coloured: quantized)", bars);
}

std::string time_chart(const Report& r) {
  const TimeUnit unit = unit_for(largest(r.ops, &OpRow::fp32_ms));
  std::vector<Bar> bars;
  const auto slowest = ranked(r.ops, &OpRow::fp32_ms);
  for (std::size_t i = 0; i < std::min<std::size_t>(slowest.size(), kCharted / 2); ++i) {
    bars.push_back(
        {slowest[i]->name, fmt::format("{} {}", unit.text(slowest[i]->fp32_ms), unit.name), slowest[i]->fp32_ms, false});
    bars.push_back(
        {"→ " + slowest[i]->precision, fmt::format("{} {}", unit.text(slowest[i]->ms), unit.name), slowest[i]->ms, true});
  }
  return bars.empty() ? "" : bar_chart("Slowest operators, FP32 and → result, a sample", bars);
}

/// Conversions between precisions, which are no operators of the model.
bool is_border(const std::string& op_type) {
  return op_type.ends_with("QuantizeLinear") || op_type == "DequantizeLinear" || op_type == "Cast";
}

struct Columns {
  bool times, sensitivities, own;
  TimeUnit unit;
  double most_ms, most_error;
};

Row header_of(const Columns& columns) {
  Row header{{"Operator", "name"}, {"Precision"}};
  if (columns.times) {
    header.push_back({fmt::format("FP32, {}", columns.unit.name), "n"});
    header.push_back({fmt::format("Result, {}", columns.unit.name), "b"});
  }
  if (columns.sensitivities) header.push_back({"Sensitivity", "b"});
  if (columns.own) header.push_back({"Own error", "n"});
  header.push_back({"Why", "note"});
  return header;
}

Row row_of(const OpRow& op, const Columns& columns) {
  Row row{operator_cell(op.name, op.op_type), precision_cell(op.precision)};
  if (columns.times) {
    row.push_back({columns.unit.text(op.fp32_ms), "n"});
    row.push_back(bar_cell(columns.unit.text(op.ms), op.ms / columns.most_ms));
  }
  if (columns.sensitivities)
    row.push_back(bar_cell(error_text(op.sensitivity), std::sqrt(op.sensitivity / columns.most_error)));
  if (columns.own) row.push_back({error_text(op.own_error), "n"});
  row.push_back(text_cell(op.reason, "note"));
  return row;
}

}  // namespace

std::string precisions(const Report& r) {
  if (r.statistics.empty()) return "";
  std::vector<Stack> stacks;
  std::vector<Row> rows;
  for (const auto& s : r.statistics) {
    if (!is_border(s.op_type))
      stacks.push_back({fmt::format("{} ({})", s.op_type, s.total),
                        {{"int8", "INT8", s.int8}, {"bf16", "BF16", s.bf16}, {"fp32", "FP32", s.fp32}}});
    rows.push_back({text_cell(s.op_type), count_cell(s.total), count_cell(s.int8), count_cell(s.bf16), count_cell(s.fp32)});
  }
  const std::string numbers =
      fmt::format("<figure><figcaption>Mixed precision statistics</figcaption>{}</figure>",
                  table({{"Op Type"}, {"Total", "n"}, {"INT8", "n"}, {"BF16", "n"}, {"FP32", "n"}}, rows));
  return section("Precision by operator type", charts({stacked_chart("Operators by type and precision", stacks), numbers}));
}

std::string operators(const Report& r) {
  if (r.ops.empty()) return "";
  const double most_ms = std::max(largest(r.ops, &OpRow::ms), largest(r.ops, &OpRow::fp32_ms));
  const Columns columns{most_ms > 0, known(r.ops, &OpRow::sensitivity),  known(r.ops, &OpRow::own_error), unit_for(most_ms),
                        most_ms,     largest(r.ops, &OpRow::sensitivity)};
  std::string text = charts({sensitivity_chart(r), time_chart(r)});
  if (columns.sensitivities)
    text += paragraph(
        "Sensitivity: what the fastest precision of this operator alone does to the outputs of the FP32 model; own error: "
        "to "
        "the operator's own output. Roots of squared error over square.");
  if (columns.times) text += paragraph("Times are those of a sample, with the conversions that the operator needs.");
  std::vector<Row> rows;
  for (const auto& op : r.ops) rows.push_back(row_of(op, columns));
  const std::string all = table(header_of(columns), rows);
  return section("Operators",
                 text + (rows.size() > kUnfolded ? folded(fmt::format("All {} operators", rows.size()), all) : all));
}

}  // namespace inc::report
