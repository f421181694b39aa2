#pragma once
// From a finished search to the report's rows.
#include <vector>

#include "core/pipeline/work.h"
#include "core/report/report.h"
#include "core/search/search.h"
#include "core/tuning/criterion.h"
#include "core/tuning/objective.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

std::vector<report::TrialRow> trial_rows(const search::History& history, const tuning::TuningSpace& space,
                                         const tuning::Criterion& criterion);
/// What was evaluated on the whole set, and FP32: those that nothing beats in accuracy, latency and size together, fastest
/// first.
std::vector<report::ParetoRow> pareto_rows(const search::History& history, const tuning::TuningSpace& space,
                                           const tuning::Criterion& criterion, double fp32_accuracy,
                                           const tuning::Figures& fp32);
/// Latencies of trials and trade-offs were predicted, or taken while candidates were evaluated, as FP32's `fp32_ms` was: they
/// are brought to the pace at which FP32 was measured since, where it was.
void at_measured_pace(report::Report& report, double fp32_ms);
report::Report::Cost cost_of(const search::History& history, std::int64_t samples, double calibration_seconds,
                             double seconds);

}  // namespace inc::pipeline
