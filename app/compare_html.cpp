#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/compare.h"
#include "core/report/page.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::app {
namespace {

using namespace report;

constexpr std::size_t kCharted = 12;

std::string decibels(const Closeness& closeness) {
  const double db = closeness.sqnr_db();
  if (std::isfinite(db)) return fmt::format("{:.1f}", std::abs(db) < 0.05 ? 0.0 : db);
  return db > 0 ? "equal" : "none";
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.3g} %", 100 * share) : "n/a";
}

std::string error_text(const Closeness& closeness) {
  return closeness.finite ? percent(closeness.relative()) : "not finite";
}

/// The greatest finite one.
double worst(const std::vector<ComparedOp>& ops, double (*of)(const ComparedOp&)) {
  double most = 0;
  for (const auto& op : ops)
    if (std::isfinite(of(op))) most = std::max(most, of(op));
  return most;
}

double severity(const ComparedOp& op) {
  return op.severity();
}
double own_error(const ComparedOp& op) {
  return op.own.relative();
}

std::string head(const Comparison& found) {
  std::string text =
      fmt::format("<h1>{} against {}</h1><p class=\"sub\">{} samples of {} · {} · ISA {} · {} thread{}</p>",
                  escaped(found.b), escaped(found.a), found.samples, escaped(found.inputs), escaped(found.machine.cpu),
                  escaped(found.machine.isa), found.machine.threads, found.machine.threads == 1 ? "" : "s");
  if (!found.ops.empty() && found.ops.front().severity() > 0) {
    const ComparedOp& op = found.ops.front();
    text += fmt::format("<p>Worst: <b>{}</b> ({}, {}). By itself it changes its own values by {}{}.</p>", escaped(op.name),
                        escaped(op.op_type), escaped(op.precision), error_text(op.own),
                        op.effect ? " and the outputs by " + error_text(*op.effect) : "");
  }
  std::vector<std::string> each;
  for (const auto& output : found.outputs)
    each.push_back(tile(decibels(output.total) + (std::isfinite(output.total.sqnr_db()) ? " dB" : ""),
                        fmt::format("output '{}' · cosine {} · largest error {} of its range", output.name,
                                    shown(output.total.cosine(), 5), percent(output.total.of_range()))));
  each.push_back(tile(fmt::format("{} of {}", found.ops.size(), found.operators), "operators compared"));
  return text + tiles(each);
}

std::string chart(const std::string& title, const std::vector<ComparedOp>& sorted, double (*of)(const ComparedOp&)) {
  std::vector<Bar> bars;
  const double most = worst(sorted, of);
  for (const auto& op : sorted) {
    if (bars.size() == kCharted || !(of(op) > 0)) break;
    const bool finite = std::isfinite(of(op));
    bars.push_back({op.name, finite ? percent(of(op)) : "not finite", finite ? of(op) : most, op.precision != "fp32"});
  }
  return bars.empty() ? "" : bar_chart(title, bars);
}

std::string error_charts(const Comparison& found) {
  std::vector<ComparedOp> by_own = found.ops;
  std::stable_sort(by_own.begin(), by_own.end(),
                   [](const ComparedOp& x, const ComparedOp& y) { return own_error(x) > own_error(y); });
  return section("Error by operator", charts({chart("Effect on the outputs, by itself", found.ops, severity),
                                              chart("Error added to its own values", by_own, own_error)}));
}

std::string operators(const Comparison& found) {
  const double most = worst(found.ops, severity);
  const bool estimated =
      std::any_of(found.ops.begin(), found.ops.end(), [](const ComparedOp& op) { return !op.why_not_own.empty(); });
  Row header{{"Operator", "name"}, {"Precision"},        {"Effect", "b"},    {"Own", "n"},    {"Own, dB", "n"},
             {"Inputs, dB", "n"},  {"Weights, dB", "n"}, {"Total, dB", "n"}, {"Cosine", "n"}, {"Max of range", "n"}};
  if (estimated) header.push_back({"Own error estimated", "note"});
  std::vector<Row> rows;
  for (const auto& op : found.ops) {
    rows.push_back({operator_cell(op.name, op.op_type),
                    precision_cell(op.precision),
                    bar_cell(op.effect ? error_text(*op.effect) : "", most > 0 ? op.severity() / most : 0),
                    {error_text(op.own), "n"},
                    {decibels(op.own), "n"},
                    {op.input ? decibels(*op.input) : "", "n"},
                    {op.weight ? decibels(*op.weight) : "", "n"},
                    {decibels(op.total), "n"},
                    number_cell(op.total.cosine(), 4),
                    {percent(op.total.of_range()), "n"}});
    if (estimated) rows.back().push_back(text_cell(op.why_not_own, "note"));
  }
  return section(
      "Operators, worst first",
      paragraph("Effect: error of A's outputs if this operator alone is B's. Own: error that B's operator adds, fed "
                "with A's values. Inputs and weights: what is left of A's once B has quantized them. Total, cosine "
                "and greatest error: B's value in a run of B, with all that it inherits. Errors are roots of noise "
                "over signal; dB are 10 log10 of signal over noise.") +
          table(header, rows));
}

std::string unmatched(const Comparison& found) {
  std::vector<Row> rows;
  for (const auto& op : found.unmatched) rows.push_back({operator_cell(op.name, op.op_type), text_cell(op.why, "note")});
  if (rows.empty()) return "";
  return section("Not compared", table({{"Operator", "name"}, {"Why", "note"}}, rows));
}

}  // namespace

std::string to_html(const Comparison& found) {
  std::string body = head(found) + error_charts(found) + operators(found) + unmatched(found);
  std::string notes;
  for (const auto& note : found.notes) notes += paragraph(note);
  return page(fmt::format("{} against {}", found.b, found.a), body + section("Notes", notes));
}

}  // namespace inc::app
