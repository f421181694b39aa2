#pragma once
// What the calibration samples decide before the search: ranges, smoothing, corrections.
#include <optional>

#include "core/pipeline/quantize.h"
#include "core/pipeline/work.h"
#include "core/report/report.h"
#include "core/tuning/candidate.h"

namespace inc::pipeline {

struct Calibrated {
  quant::RangeTable ranges;
  tuning::TuningSpace space;
  std::vector<report::ChoiceRow> choices;
  double seconds = 0;
  std::int64_t predictions = 1;  ///< of a sample (tuning::predictions), where outputs were looked at
};

/// One pass over the samples; nothing to do without a task, where every range is taken at run time.
/// What the configuration leaves open is chosen by what it does to the outputs of the fastest candidate on a few samples:
/// SmoothQuant of MatMul and Gemm where it at least halves their distance from FP32, then a range method other than min-max
/// where that takes a quarter off it, then attention in FP32 where that halves it again.
Calibrated calibrate(const config::Config& config, const CalibrationTask* task, const LoadedModel& model,
                     const runtime::Adaptor& adaptor, const runtime::Executable& fp32, const tuning::SpaceOptions& allowed,
                     tuning::TuningSpace space, const QuantizeOptions& options);

/// Where corrections take their samples from; nothing when the recipe is off or no ranges are calibrated. Fewer samples
/// where `evaluated` has few, the correction takes its share of an evaluation, and where a sample has many `predictions`.
std::optional<tuning::CorrectionSource> corrections(const config::Config& config, const CalibrationTask* task,
                                                    const AccuracyTask* evaluated, std::int64_t predictions,
                                                    const QuantizeOptions& options);

}  // namespace inc::pipeline
