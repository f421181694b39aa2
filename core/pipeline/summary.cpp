#include "core/pipeline/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace inc::pipeline {
namespace {

struct Counts {
  std::int64_t int8 = 0, bf16 = 0, fp32 = 0;
  std::string text() const {
    return bf16 > 0 ? fmt::format("{} int8, {} bf16, {} fp32", int8, bf16, fp32)
                    : fmt::format("{} int8, {} fp32", int8, fp32);
  }
};

Counts count(const search::Point& point, const tuning::TuningSpace& space) {
  Counts counts;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const quant::Precision precision = space.options[i][point[i]].precision;
    ++(precision == quant::Precision::Int8 ? counts.int8 : precision == quant::Precision::Bf16 ? counts.bf16 : counts.fp32);
  }
  return counts;
}

std::int64_t whole(double bytes) {
  return std::llround(bytes);
}

}  // namespace

std::vector<report::TrialRow> trial_rows(const search::History& history, const tuning::TuningSpace& space,
                                         const tuning::Criterion& criterion) {
  std::vector<report::TrialRow> rows;
  for (const auto& seen : history.all()) {
    report::TrialRow row;
    row.number = rows.size() + 1;
    const Counts counts = count(seen.point, space);
    row.int8 = counts.int8;
    row.bf16 = counts.bf16;
    row.fp32 = counts.fp32;
    row.seconds = seen.seconds;
    row.failed = seen.why_failed;
    if (seen.state == search::TrialState::Complete) {
      row.accuracy = seen.accuracy;
      row.accuracy_low = seen.accuracy_low;
      row.accuracy_high = seen.accuracy_high;
      if (seen.divergence >= 0) row.divergence = seen.divergence;
      row.relative_loss = criterion.relative_loss(seen.accuracy);
      row.latency_ms = seen.latency_ms;
      row.cost = seen.cost;
      row.model_bytes = whole(seen.model_bytes);
      row.footprint_bytes = whole(seen.footprint_bytes);
      row.met = seen.met;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<report::ParetoRow> pareto_rows(const search::History& history, const tuning::TuningSpace& space,
                                           const tuning::Criterion& criterion, double fp32_accuracy,
                                           const tuning::Figures& fp32) {
  std::vector<report::ParetoRow> all{
      {fp32_accuracy, fp32.latency_ms, "fp32", whole(fp32.model_bytes), whole(fp32.footprint_bytes)}};
  for (const auto& seen : history.all())
    if (seen.state == search::TrialState::Complete && seen.accuracy_low == seen.accuracy_high)
      all.push_back({seen.accuracy, seen.latency_ms, count(seen.point, space).text(), whole(seen.model_bytes),
                     whole(seen.footprint_bytes)});
  const auto key = [&](const report::ParetoRow& row) {
    return std::array{row.latency_ms, criterion.loss(row.accuracy), static_cast<double>(row.model_bytes)};
  };
  std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  std::vector<report::ParetoRow> front;
  for (const auto& row : all) {
    const auto beats = [&, mine = key(row)](const report::ParetoRow& other) {
      const auto theirs = key(other);
      return std::equal(theirs.begin(), theirs.end(), mine.begin(), std::less_equal<>());
    };
    if (std::none_of(front.begin(), front.end(), beats)) front.push_back(row);
  }
  return front;
}

void at_measured_pace(report::Report& report, double fp32_ms) {
  const double pace = report.baseline.latency_ms / fp32_ms;
  if (!std::isfinite(pace) || pace <= 0) return;
  for (auto& row : report.trials) row.latency_ms *= pace;
  for (auto& row : report.pareto) row.latency_ms *= pace;
}

report::Report::Cost cost_of(const search::History& history, std::int64_t samples, double calibration_seconds,
                             double seconds) {
  report::Report::Cost cost;
  cost.trials = static_cast<std::int64_t>(history.size());
  cost.full_evaluations = history.full_evaluations();
  cost.samples_evaluated = std::llround(cost.full_evaluations * static_cast<double>(samples));
  cost.calibration_seconds = calibration_seconds;
  cost.seconds = seconds;
  cost.peak_rss_bytes = report::peak_rss_bytes();
  return cost;
}

}  // namespace inc::pipeline
