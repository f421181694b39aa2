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
  if (std::isfinite(db)) return fmt::format("{:.1f}", db);
  return db > 0 ? "equal" : "none";
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.3g} %", 100 * share) : "n/a";
}

double worst(const Comparison& found) {
  double most = 0;
  for (const auto& op : found.ops)
    if (std::isfinite(op.own.relative())) most = std::max(most, op.own.relative());
  return most;
}

std::string head(const Comparison& found) {
  std::string text = fmt::format("<h1>{} against {}</h1><p class=\"sub\">{} samples of {} · {} · ISA {} · {} threads</p>",
                                 escaped(found.b), escaped(found.a), found.samples, escaped(found.inputs),
                                 escaped(found.machine.cpu), escaped(found.machine.isa), found.machine.threads);
  if (!found.ops.empty() && found.ops.front().own.relative() > 0) {
    const ComparedOp& op = found.ops.front();
    text += fmt::format("<p>Adds the most error itself: <b>{}</b> ({}, {}), {} of its signal.</p>", escaped(op.name),
                        escaped(op.op_type), escaped(op.precision), percent(op.own.relative()));
  }
  std::vector<std::string> each;
  for (const auto& output : found.outputs)
    each.push_back(tile(decibels(output.total) + " dB",
                        fmt::format("output {}: cosine {}, largest error {} of its range", output.name,
                                    shown(output.total.cosine(), 5), percent(output.total.of_range()))));
  each.push_back(tile(fmt::format("{} of {}", found.ops.size(), found.operators), "operators compared"));
  return text + tiles(each);
}

std::string chart(const Comparison& found) {
  std::vector<Bar> own, total;
  for (const auto& op : found.ops) {
    if (own.size() == kCharted || !(op.own.relative() > 0)) break;
    own.push_back(
        {op.name, percent(op.own.relative()), std::isfinite(op.own.relative()) ? op.own.relative() : worst(found), true});
  }
  return own.empty()
             ? ""
             : section("Error by operator", charts({bar_chart("Error added by the operator itself, of its signal", own)}));
}

std::string operators(const Comparison& found) {
  const double most = worst(found);
  std::vector<Row> rows;
  for (const auto& op : found.ops)
    rows.push_back({text_cell(op.name, "name"),
                    text_cell(op.op_type),
                    precision_cell(op.precision),
                    bar_cell(percent(op.own.relative()), most > 0 ? op.own.relative() / most : 0),
                    {decibels(op.own), "n"},
                    {decibels(op.total), "n"},
                    number_cell(op.total.cosine(), 4),
                    {percent(op.total.of_range()), "n"},
                    {op.input ? decibels(*op.input) : "", "n"},
                    {op.weight ? decibels(*op.weight) : "", "n"},
                    text_cell(op.why_not_own.empty() ? "" : "own error estimated: " + op.why_not_own, "note")});
  return section(
      "Operators, worst first",
      paragraph("Own error: the operator of B on A's values, root of noise over signal. Total: B's value in a run of "
                "B, with all that it inherits. Inputs and weights: what is left of A's once B has quantized them.") +
          table({{"Operator", "name"},
                 {"Type"},
                 {"Precision"},
                 {"Own error", "b"},
                 {"Own, dB", "n"},
                 {"Total, dB", "n"},
                 {"Cosine", "n"},
                 {"Max error of range", "n"},
                 {"Inputs, dB", "n"},
                 {"Weights, dB", "n"},
                 {"", "note"}},
                rows));
}

std::string unmatched(const Comparison& found) {
  std::vector<Row> rows;
  for (const auto& op : found.unmatched)
    rows.push_back({text_cell(op.name, "name"), text_cell(op.op_type), text_cell(op.why, "note")});
  return rows.empty() ? "" : section("Not compared", table({{"Operator", "name"}, {"Type"}, {"Why", "note"}}, rows));
}

}  // namespace

std::string to_html(const Comparison& found) {
  std::string body = head(found) + chart(found) + operators(found) + unmatched(found);
  std::string notes;
  for (const auto& note : found.notes) notes += paragraph(note);
  return page(fmt::format("{} against {}", found.b, found.a), body + section("Notes", notes));
}

}  // namespace inc::app
