#include "core/pipeline/result.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/calib/difference.h"
#include "core/pipeline/decisions.h"
#include "core/pipeline/output.h"
#include "core/pipeline/space_options.h"
#include "core/pipeline/summary.h"
#include "core/quant/saturation.h"
#include "core/search/journal.h"
#include "core/tuning/latency.h"

namespace inc::pipeline {
namespace {

constexpr std::size_t kTakeTurns = std::size_t{256} << 20;
/// What measuring the result may take of one FP32 pass, and seconds beside it; each of two profiles may take a quarter of
/// that, and several runs of a short one (ms).
constexpr double kShareOfRuns = 0.03, kLeastSeconds = 0.01, kMostSeconds = 0.3, kSeveralRuns = 2;

double seconds_to_measure(const Result& result) {
  return result.pass_seconds > 0 ? std::clamp(kShareOfRuns * result.pass_seconds, kLeastSeconds, kMostSeconds) : kMostSeconds;
}

/// One batch of the data the run has at hand, of the size that speed was measured with before.
eval::Batch sample_batch(const Result& result) {
  const CalibrationTask other =
      result.task == nullptr ? calibration_task(result.config, result.supplied) : CalibrationTask{};
  const eval::Dataset& data = result.task != nullptr ? *result.task->data : *other.data;
  const std::int64_t wanted = result.costs != nullptr  ? result.costs->profile.batch
                              : result.task != nullptr ? result.task->batch_size
                                                       : other.batch_size;
  return eval::load_batch(result.model.fused, data, 0,
                          std::min(eval::usable_batch_size(result.model.fused, wanted), data.size()));
}

struct Measured {
  double fp32_ms = report::kUnknown, result_ms = report::kUnknown;  ///< per sample
  std::vector<runtime::StepProfile> profile = {}, fp32_profile = {};
  std::int64_t samples = 1;  ///< of a profiled run
};

std::vector<double> milliseconds(const Result& result, std::span<const runtime::Executable* const> executables,
                                 const eval::Batch& batch) {
  std::vector<double> out;
  for (const auto& times :
       tuning::measure_latency(executables, batch.inputs, {.warmup = 1, .seconds = seconds_to_measure(result)}))
    out.push_back(tuning::percentile(times, 0.5) / static_cast<double>(batch.count));
  return out;
}

std::size_t constant_bytes(const ir::Graph& graph) {
  std::size_t bytes = 0;
  for (const ir::ValueId id : graph.values())
    if (const ir::Tensor* tensor = graph.constant(id)) bytes += tensor->bytes();
  return bytes;
}

bool has_samples(const Result& result) {
  return result.task != nullptr || names_samples(result.config, result.supplied);
}

std::vector<runtime::StepProfile> profiled(const Result& result, const runtime::Executable& executable, double ms,
                                           const eval::Batch& batch) {
  const double run = std::max(1e-6, ms * static_cast<double>(batch.count));
  const auto runs = static_cast<int>(std::min(250 * seconds_to_measure(result) / run, 10.0));
  return executable.profile(batch.inputs, std::max(runs, run <= kSeveralRuns ? 3 : 1));
}

/// Small models take turns, so that other work on the machine slows both; of large ones, FP32 comes first and alone.
std::optional<Measured> fp32_alone(const Result& result) {
  if (!has_samples(result) || constant_bytes(result.model.fused) <= kTakeTurns) return {};
  const runtime::Executable* const one[] = {&result.candidates.fp32()};
  const eval::Batch batch = sample_batch(result);
  Measured measured{milliseconds(result, one, batch).front()};
  measured.fp32_profile = profiled(result, *one[0], measured.fp32_ms, batch);
  one[0]->rest();
  return measured;
}

/// Nothing is known without samples.
Measured measure(const Result& result, std::optional<Measured> fp32, const ir::Graph& candidate,
                 const runtime::Adaptor& adaptor) {
  if (!has_samples(result)) return {};
  const eval::Batch batch = sample_batch(result);
  const auto executable = adaptor.prepare(candidate);
  const runtime::Executable* const both[] = {executable.get(), &result.candidates.fp32()};
  const auto times = milliseconds(result, std::span(both).first(fp32 ? 1 : 2), batch);
  Measured measured = fp32.value_or(Measured{times.back()});
  if (!fp32) measured.fp32_profile = profiled(result, *both[1], times.back(), batch);
  result.candidates.fp32().rest();
  measured.result_ms = times.front();
  measured.profile = profiled(result, *executable, times.front(), batch);
  measured.samples = batch.count;
  return measured;
}

/// Nothing is measured in a run that is told to end: what was found is written at once.
template <class Measure>
auto unless_stopped(const QuantizeOptions& options, const Measure& measure) -> decltype(measure()) {
  if (options.should_stop && options.should_stop()) return {};
  try {
    return measure();
  } catch (const search::Interrupted&) {
    return {};
  }
}

std::string decided(const Result& result) {
  if (result.best == nullptr) return result.outcome == nullptr ? "" : "no quantized candidate could be executed";
  return result.best->met ? "returned to FP32 by the search to meet the accuracy target"
                          : "in FP32 in the best candidate found; the accuracy target was missed";
}

void describe_result(const Result& result, report::Report& report) {
  if (result.criterion == nullptr) {
    report.stopped = "not tuned: no accuracy evaluation";
    report.result.met = true;
    report.result.target = "none";
    return;
  }
  report.metric = result.task->metric->name();
  report.stopped = search::name_of(result.outcome->stopped);
  report.result.target = result.criterion->describe();
  report.result.threshold = result.criterion->threshold();
  report.result.met = result.best != nullptr && result.best->met;
  report.result.accuracy = result.best != nullptr ? result.best->accuracy : result.baseline.accuracy;
  report.result.relative_loss = result.criterion->relative_loss(report.result.accuracy);
  if (result.best != nullptr && result.best->accuracy_low < result.best->accuracy_high)
    report.notes.push_back(
        fmt::format("The accuracy is an estimate, between {:.6g} and {:.6g}: no trial met the target, and this one was "
                    "stopped as soon as "
                    "it had missed it.",
                    result.best->accuracy_low, result.best->accuracy_high));
  report.trials = trial_rows(result.outcome->history, result.space, *result.criterion);
  report.objective = result.objective->describe();
  report.pareto = pareto_rows(result.outcome->history, result.space, *result.criterion, report.baseline.accuracy,
                              result.objective->fp32());
  at_measured_pace(report, result.objective->fp32().latency_ms);
}

search::Point chosen_point(const Result& result) {
  if (result.best != nullptr) return result.best->point;
  return result.outcome == nullptr ? result.space.shape.fastest() : result.space.shape.fp32();
}

void describe_calibration(const Result& result, const search::Point& point, report::Report& report) {
  for (const auto& [method, difference] : calib::differences_from_minmax(result.candidates.ranges()))
    report.ranges.push_back({std::string(quant::name_of(method)), difference.values, difference.clipped,
                             difference.median_width, difference.least_width});
  if (!result.candidates.corrects() || !result.space.uses(quant::Precision::Int8)) return;
  const calib::BiasCorrection& made = result.candidates.correction(point);
  report.correction = report::CorrectionRow{
      made.anchors, static_cast<std::int64_t>(made.shift.size()), made.samples, made.before, made.after, made.why_not};
}

/// Neighbours that the search has moved can make an operator slower than it would be in FP32.
std::string better_in_fp32(const tuning::TuningSpace& space, const tuning::CostModel& model, const search::Point& point,
                           double batch) {
  const double least = std::max(tuning::KeepBackMargin().least_ms, 0.01 * model.predict(point) * batch);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const double gain = batch * model.gain(point, i, static_cast<std::uint16_t>(space.options[i].size() - 1));
    if (gain < -least) names.push_back(fmt::format("{} ({:.1f} µs)", space.shape.dims[i].name, -1e3 * gain));
  }
  return names.empty() ? ""
                       : fmt::format("Beside what the search returned to FP32, the cost model finds FP32 faster for {}.",
                                     joined(names));
}

void describe_costs(const Result& result, const search::Point& point, report::Report& report) {
  if (result.costs == nullptr) return;
  const Costs& costs = *result.costs;
  const tuning::CostModel model = costs.model(result.space);
  report::CostModelRow row{costs.source,
                           costs.profile.shapes,
                           costs.profile.seconds,
                           static_cast<std::int64_t>(costs.profile.samples.size()),
                           model.predict(result.space.shape.fp32()),
                           model.predict(result.space.shape.fastest()),
                           model.predict(point),
                           {}};
  for (const auto& kept : costs.verdict.kept) row.kept_back.push_back({kept.name, kept.speed_class, kept.microseconds});
  report.cost_model = std::move(row);
  if (result.outcome == nullptr) return;
  if (std::string note = better_in_fp32(result.space, model, point, static_cast<double>(costs.profile.batch)); !note.empty())
    report.notes.push_back(std::move(note));
}

}  // namespace

std::filesystem::path make_output_directory(const config::Config& config, const LoadedModel& model,
                                            const QuantizeOptions& options) {
  std::filesystem::path directory = options.output;
  if (directory.empty()) directory = config.tuning.workspace.path;
  if (directory.empty()) directory = std::filesystem::path("inc_cpp_workspace") / model.name;
  if (!options.ranks->first()) return directory;
  make_directory(directory);
  if (!options.resume) search::Journal::discard(directory / kJournal);
  for (const char* name : {kJournal, kCosts, kSearchCosts, kModel, kReport, kReportPage})
    remove_unfinished(directory / name);
  return directory;
}

report::Report finish(const Result& result, const runtime::Adaptor& adaptor, const QuantizeOptions& options) {
  if (!options.ranks->first()) return {};
  result.stages.enter("finish");
  report::Report report;
  report.directory = result.directory;
  report.version = INC_VERSION;
  report.model = result.model.name;
  report.strategy = result.config.tuning.strategy.name;
  report.machine = options.machine;
  report.resolved_config = config::write_config(result.config);
  const search::Point point = chosen_point(result);
  result.candidates.go_on();
  report.notes = result.notes;
  const std::optional<Measured> fp32 = unless_stopped(options, [&] { return fp32_alone(result); });
  const tuning::Candidate& candidate = result.candidates.build(point);
  write_model(result.config, candidate, report.directory / kModel, report.notes);
  const Measured measured = unless_stopped(options, [&] { return measure(result, fp32, candidate.graph, adaptor); });
  report.baseline = {result.baseline.accuracy, measured.fp32_ms};
  describe_result(result, report);
  report.result.latency_ms = measured.result_ms;
  report.ops = decisions(candidate.graph, result.space, candidate.bf16, measured.profile, decided(result));
  add_times(report.ops, measured.profile, measured.fp32_profile, measured.samples);
  if (const auto* found = result.outcome == nullptr ? nullptr : result.outcome->history.sensitivity())
    add_sensitivities(report.ops, result.space, *found);
  report.statistics = statistics(candidate.graph, report.ops);
  report.metrics = result.metrics;
  report.details = result.details;
  report.choices = result.choices;
  if (const Support s = bf16_allowed(result.config, adaptor); !s && names_bf16(result.config))
    report.notes.push_back(fmt::format("BF16 is not used: {}.", s.why_not()));
  describe_calibration(result, point, report);
  describe_costs(result, point, report);
  if (const auto& moved = result.model.reordered; moved && moved->moved > 0)
    report.notes.push_back(
        fmt::format("Channels of {} groups were reordered: pair-bounded scales are {:.3f} of full ones on "
                    "average, {:.3f} before.",
                    moved->moved, moved->growth_after, moved->growth_before));
  if (std::string risk = quant::describe(quant::saturation_report(candidate.graph)); !risk.empty())
    report.notes.push_back(std::move(risk));
  report.result.model_bytes = static_cast<std::int64_t>(std::filesystem::file_size(report.directory / kModel));
  report.result.fp32_model_bytes = file_bytes(result.model);
  const search::History none;
  report.cost = cost_of(result.outcome ? result.outcome->history : none, result.samples, result.calibration_seconds,
                        result.stages.seconds());
  report.cost.stages = result.stages.rows();
  write_file_atomically(report.directory / kReport, report::to_json(report));
  write_file_atomically(report.directory / kReportPage, report::to_html(report));
  return report;
}

}  // namespace inc::pipeline
