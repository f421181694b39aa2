#include "core/pipeline/summary.h"

#include <fmt/format.h>

#include <algorithm>
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
      row.relative_loss = criterion.relative_loss(seen.accuracy);
      row.latency_ms = seen.cost;
      row.met = seen.met;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<report::ParetoRow> pareto_rows(const search::History& history, const tuning::TuningSpace& space,
                                           const tuning::Criterion& criterion, const report::Report::Baseline& baseline) {
  struct Entry {
    double loss, latency;
    report::ParetoRow row;
  };
  std::vector<Entry> entries{{0, baseline.latency_ms, {baseline.accuracy, baseline.latency_ms, "fp32"}}};
  for (const auto& seen : history.all()) {
    if (seen.state != search::TrialState::Complete) continue;
    entries.push_back(
        {criterion.loss(seen.accuracy), seen.cost, {seen.accuracy, seen.cost, count(seen.point, space).text()}});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.latency != b.latency ? a.latency < b.latency : a.loss < b.loss;
  });
  std::vector<report::ParetoRow> front;
  double best_loss = std::numeric_limits<double>::infinity();
  for (const auto& entry : entries) {
    if (entry.loss >= best_loss) continue;
    best_loss = entry.loss;
    front.push_back(entry.row);
  }
  return front;
}

report::Report::Cost cost_of(const search::History& history, std::int64_t samples, double calibration_seconds,
                             double seconds) {
  report::Report::Cost cost;
  cost.trials = static_cast<std::int64_t>(history.size());
  for (const auto& seen : history.all()) cost.full_evaluations += seen.full_evaluations;
  cost.samples_evaluated = std::llround(cost.full_evaluations * static_cast<double>(samples));
  cost.calibration_seconds = calibration_seconds;
  cost.seconds = seconds;
  cost.peak_rss_bytes = report::peak_rss_bytes();
  return cost;
}

}  // namespace inc::pipeline
