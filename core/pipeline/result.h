#pragma once
// The end of the path: measure, lower, export, report.
#include "core/pipeline/costs.h"
#include "core/pipeline/quantize.h"
#include "core/pipeline/stages.h"
#include "core/pipeline/work.h"
#include "core/search/search.h"
#include "core/tuning/candidate.h"
#include "core/tuning/criterion.h"
#include "core/tuning/objective.h"

namespace inc::pipeline {

/// What the run has found out. References outlive the result. Without tuning, the pointers stay null.
struct Result {
  const config::Config& config;
  const LoadedModel& model;
  const Supplied& supplied;
  const tuning::TuningSpace& space;
  tuning::CandidateBuilder& candidates;
  std::filesystem::path directory;
  Stages& stages;
  double calibration_seconds = 0;
  std::vector<std::string> notes{};
  std::vector<report::ChoiceRow> choices{};
  std::vector<report::MetricRow> metrics{}, details{};
  report::Report::Baseline baseline{};
  const search::Outcome* outcome = nullptr;
  const tuning::Criterion* criterion = nullptr;
  const tuning::Objective* objective = nullptr;
  const search::Observation* best = nullptr;
  const AccuracyTask* task = nullptr;
  std::int64_t samples = 0;  ///< of a full evaluation
  double pass_seconds = 0;   ///< that FP32 took over them; 0: not known
  const Costs* costs = nullptr;
};

/// Writes model.onnx, measures the candidate against FP32, writes report.json and report.html, returns the report. In a run
/// that is told to end nothing is measured any more. Of several ranks only the first has anything to do.
report::Report finish(const Result& result, const runtime::Adaptor& adaptor, const QuantizeOptions& options);

/// The directory exists then, made by rank 0. Without --resume an old journal in it is gone: what a run leaves before it has
/// one of its own must not be taken for part of another.
std::filesystem::path make_output_directory(const config::Config& config, const LoadedModel& model,
                                            const QuantizeOptions& options);

}  // namespace inc::pipeline
