#include "core/pipeline/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/stopwatch.h"
#include "core/calib/calibrator.h"
#include "core/pipeline/space_options.h"
#include "core/tuning/probe.h"

namespace inc::pipeline {
namespace {

using quant::RangeMethod;

/// What is left of the distance from FP32 when a choice pays. SmoothQuant costs a multiplication per value where the
/// producer cannot take it; a range method costs nothing.
/// Attention in FP32 costs speed.
constexpr double kSmoothingPays = 0.5, kMethodPays = 0.75, kAttentionPays = 0.5;
/// A few hard samples may lose a little where most gain much.
constexpr double kTolerated = 1.25;
constexpr std::int64_t kFewestProbed = 4, kProbed = 24;
/// Samples for bias correction: the divergence that is left is the same from 32 to 200 of them, within 4 %, on six models.
/// A sample takes about two of the FP32 pass over the evaluation set, of which a sixteenth may go into the correction.
constexpr std::int64_t kFewestCorrected = 32, kMostCorrected = 100, kEvaluatedPerCorrected = 32;
/// Of samples with many predictions each.
constexpr std::int64_t kFewestOfMany = 8;
constexpr RangeMethod kOtherMethods[] = {RangeMethod::Kl, RangeMethod::Mse, RangeMethod::Percentile};

bool leaves_smoothing_open(const config::Config& config) {
  return !config.quantization || !config.quantization->recipes.smooth_quant;
}

bool leaves_attention_open(const config::Config& config) {
  return !config.quantization || !config.quantization->recipes.attention_quantization;
}

bool leaves_method_open(const config::Config& config) {
  return !config.quantization || config.quantization->model_wise.activation.algorithm.empty();
}

/// Whether enough anchors would be smoothed to matter: a quarter.
bool smooths(const tuning::TuningSpace& space) {
  const auto smoothed = std::count_if(space.options.begin(), space.options.end(), [](const auto& options) {
    return options.front().smoothing == quant::Smoothing::SmoothQuant;
  });
  return smoothed > 0 && 4 * smoothed >= static_cast<std::ptrdiff_t>(space.options.size());
}

class Chooser {
 public:
  Chooser(const config::Config& config, const CalibrationTask& task, const LoadedModel& model,
          const runtime::Adaptor& adaptor, const runtime::Executable& fp32, const tuning::SpaceOptions& allowed,
          Calibrated& calibrated)
      : model_(model),
        adaptor_(adaptor),
        qdq_(qdq_options(config)),
        allowed_(allowed),
        calibrated_(calibrated),
        fp32_(fp32),
        task_(task) {}

  void smoothing() {
    tuning::SpaceOptions options = allowed_;
    options.matrix_smoothing = {{quant::Smoothing::SmoothQuant}};
    if (smooths(tuning::build_space(model_.fused, adaptor_, options))) consider("SmoothQuant", {options}, kSmoothingPays);
  }

  void attention() {
    if (calibrated_.space.attentions.empty()) return;
    tuning::SpaceOptions options = allowed_;
    options.attentions = tuning::Attentions::None;
    consider("Attention in FP32", {options}, kAttentionPays);
  }

  void methods() {
    std::vector<tuning::SpaceOptions> all;
    for (const RangeMethod method : kOtherMethods) {
      all.push_back(allowed_);
      all.back().activation.methods = {method};
    }
    consider("Another range method", all, kMethodPays);
  }

 private:
  std::unique_ptr<const runtime::Executable> prepared(const tuning::TuningSpace& space) {
    const quant::QuantConfig fastest = space.decode(space.shape.fastest());
    return adaptor_.prepare(quant::insert_qdq(model_.fused, fastest, calibrated_.ranges, weights_, qdq_));
  }

  /// FP32's outputs, and how far the plain candidate is from them; once.
  void look() {
    if (probe_) return;
    probe_.emplace(model_.fused, fp32_, *task_.data, task_.samples, kFewestProbed,
                   std::min(kProbed, (task_.samples + 1) / 2));
    calibrated_.predictions = probe_->predictions();
    fp32_.rest();
    best_ = (*probe_)(*prepared(calibrated_.space));
  }

  /// Takes the best of the variants when it pays.
  void consider(const std::string& what, const std::vector<tuning::SpaceOptions>& variants, double pays) {
    look();
    const double before = best_.typical;
    bool used = false;
    double least = std::numeric_limits<double>::infinity();
    for (const auto& options : variants) {
      tuning::TuningSpace space = tuning::build_space(model_.fused, adaptor_, options);
      const double share = used ? 1 : pays;
      const tuning::Probe::Found found = probe_->against(best_, share, *prepared(space));
      least = std::min(least, found.typical);
      if (!found.whole || !(found.typical <= share * best_.typical)) continue;
      if (!(found.all.divergence() <= kTolerated * best_.all.divergence())) continue;
      if (!calib::no_axis_worse(best_.all.by_axis(), found.all.by_axis())) continue;
      used = true;
      best_ = found;
      allowed_ = options;
      calibrated_.space = std::move(space);
    }
    calibrated_.choices.push_back({what, before, least, used});
  }

  const LoadedModel& model_;
  const runtime::Adaptor& adaptor_;
  quant::QdqOptions qdq_;
  tuning::SpaceOptions allowed_;
  Calibrated& calibrated_;
  quant::WeightCache weights_;
  const runtime::Executable& fp32_;
  const CalibrationTask& task_;
  std::optional<tuning::Probe> probe_;
  tuning::Probe::Found best_;
};

}  // namespace

Calibrated calibrate(const config::Config& config, const CalibrationTask* task, const LoadedModel& model,
                     const runtime::Adaptor& adaptor, const runtime::Executable& fp32, const tuning::SpaceOptions& allowed,
                     tuning::TuningSpace space, const QuantizeOptions& options) {
  Calibrated calibrated{{}, std::move(space), {}, 0};
  if (task == nullptr) return calibrated;
  const Stopwatch watch;
  if (options.progress) options.progress({"calibrate", 0, task->samples});
  calib::CalibrationOptions wanted{task->samples, task->batch_size, calibrated.space.methods()};
  if (leaves_method_open(config)) wanted.methods.insert(std::begin(kOtherMethods), std::end(kOtherMethods));
  wanted.placement = qdq_options(config).placement;
  wanted.attentions = calibrated.space.attentions;
  wanted.should_stop = options.should_stop;
  wanted.ranks = options.ranks;
  calibrated.ranges = calib::calibrate(model.fused, fp32, *task->data, wanted);
  const bool stopped = stop_requested(options);
  if (!stopped) {
    Chooser choose(config, *task, model, adaptor, fp32, allowed, calibrated);
    if (leaves_smoothing_open(config)) choose.smoothing();
    if (leaves_method_open(config)) choose.methods();
    if (leaves_attention_open(config)) choose.attention();
  }
  fp32.rest();
  calibrated.seconds = watch.seconds();
  return calibrated;
}

std::optional<tuning::CorrectionSource> corrections(const config::Config& config, const CalibrationTask* task,
                                                    const AccuracyTask* evaluated, std::int64_t predictions,
                                                    const QuantizeOptions& options) {
  if (task == nullptr || !config.quantization.value_or(config::Quantization{}).recipes.fast_bias_correction) return {};
  calib::CorrectionOptions wanted;
  std::int64_t most = kMostCorrected;
  if (evaluated != nullptr && evaluated->data) {
    const std::int64_t all = evaluated->samples < 0 ? evaluated->data->size() : evaluated->samples;
    most = std::clamp(std::min(all, evaluated->data->size()) / kEvaluatedPerCorrected, kFewestCorrected, kMostCorrected);
  }
  wanted.samples = std::min(task->samples, std::max(kFewestOfMany, most / predictions));
  wanted.qdq = qdq_options(config);
  if (!options.ranks->several()) wanted.should_stop = options.should_stop;
  return tuning::CorrectionSource{*task->data, std::move(wanted)};
}

}  // namespace inc::pipeline
