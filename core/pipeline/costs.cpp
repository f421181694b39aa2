#include "core/pipeline/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/parallel.h"
#include "core/base/stopwatch.h"
#include "core/base/text.h"
#include "core/pipeline/space_options.h"
#include "core/search/journal.h"
#include "core/tuning/cost_designs.h"
#include "core/tuning/cost_measure.h"

namespace inc::pipeline {
namespace {

/// What measuring may take of one FP32 pass over the evaluation set, and what a run of its batch may take: a handful of
/// candidates run it three times at least. Seconds beside them.
constexpr double kShareOfPass = 0.1, kLeast = 0.05, kMost = 2;
constexpr double kRunOfPass = 0.004, kShortestRun = 0.002, kLongestRun = 0.02;
constexpr std::size_t kMostNamed = 8;
/// Other work on the machine may be over a moment later.
constexpr int kAttempts = 3;

struct CostsBatch {
  eval::Batch batch;
  double pass_seconds = 0, run_seconds = 0;  ///< of FP32, about: over the evaluation set, over the batch
};

/// One batch as the evaluation's, or smaller where FP32 takes long.
CostsBatch costs_batch(const config::Config& config, const LoadedModel& model, const runtime::Executable& fp32,
                       const Supplied& supplied) {
  std::int64_t wanted = 1, samples = 0;
  std::shared_ptr<const eval::Dataset> data;
  if (auto accuracy = accuracy_task(config, supplied)) {
    data = std::move(accuracy->data);
    wanted = accuracy->batch_size;
    samples = accuracy->samples;
  } else {
    CalibrationTask calibration = calibration_task(config, supplied);
    data = std::move(calibration.data);
    wanted = calibration.batch_size;
    samples = calibration.samples;
  }
  samples = samples < 0 ? data->size() : std::min(samples, data->size());
  const auto load = [&](std::int64_t size) {
    return eval::load_batch(model.fused, *data, 0, std::min(eval::usable_batch_size(model.fused, size), data->size()));
  };
  const eval::Batch one = load(1);
  fp32.run(one.inputs);
  const Stopwatch watch;
  fp32.run(one.inputs);
  const double each = watch.seconds() / static_cast<double>(one.count);
  const double pass = each * static_cast<double>(samples);
  if (wanted == 1 || one.count >= wanted) return {one, pass, each * static_cast<double>(one.count)};
  const double longest = std::clamp(kRunOfPass * pass, kShortestRun, kLongestRun);
  while (wanted > 1 && each * static_cast<double>(wanted) > longest) wanted = (wanted + 1) / 2;
  eval::Batch batch = load(wanted);
  const double run = each * static_cast<double>(batch.count);
  return {std::move(batch), pass, run};
}

Support explains(const tuning::CostProfile& profile, const tuning::CostLayout& layout) {
  return tuning::explains(tuning::fit_costs(layout, profile), profile);
}

void take(Costs& costs, tuning::CostProfile profile) {
  costs.profile = std::move(profile);
  costs.tables = tuning::fit_costs(costs.layout, costs.profile);
}

tuning::CostMachine machine_of(const runtime::Adaptor& adaptor, const QuantizeOptions& options) {
  return {options.machine.cpu, options.machine.isa, fmt::format("inc-cpp {}, {}", INC_VERSION, adaptor.version()),
          threads()};
}

/// Whether the run that is resumed went by times, as its journal says.
bool went_by_costs(const std::filesystem::path& directory, bool resume) {
  const auto journal = directory / kJournal;
  const auto run = resume && std::filesystem::exists(journal) ? search::Journal::identity(journal) : std::nullopt;
  const std::string* hash = run ? run->find(kCostsHash) : nullptr;
  return hash != nullptr && *hash != hash_of(nullptr);
}

/// Of a run that is resumed, its own; otherwise what the configuration names, or nothing.
std::filesystem::path profile_path(const config::Config& config, const std::filesystem::path& directory, bool resume) {
  const auto own = directory / kCosts;
  if (resume && std::filesystem::exists(directory / kJournal) && std::filesystem::exists(own)) return own;
  const std::filesystem::path path = config.tuning.cost_model.profile_from;
  if (!path.empty()) return path.is_absolute() ? path : config.file.parent_path() / path;
  if (went_by_costs(directory, resume))
    throw ConfigError(fmt::format("cannot resume: '{}' is missing, and the run went by the times in it", own.string()));
  return {};
}

tuning::CostProfile measured(const config::Config& config, const LoadedModel& model, const runtime::Adaptor& adaptor,
                             const runtime::Executable& fp32, const tuning::TuningSpace& space,
                             const quant::Bf16Policies& bf16, const tuning::CostLayout& layout,
                             const QuantizeOptions& options, bool thorough) {
  if (options.progress) options.progress({"measure speed", 0, 1});
  const auto [batch, pass, run] = costs_batch(config, model, fp32, options.supplied);
  const tuning::CostTask task{model.fused,         space, adaptor,  fp32, batch.inputs, batch.count,
                              qdq_options(config), bf16,  1e3 * run};
  const double seconds = std::clamp(kShareOfPass * pass, kLeast, kMost);
  tuning::CostProfile profile =
      tuning::measure_costs(task, layout, {machine_of(adaptor, options), seconds, thorough, options.should_stop});
  fp32.rest();
  return profile;
}

tuning::CostProfile read_fitting(const std::filesystem::path& path, const tuning::CostLayout& layout,
                                 const LoadedModel& model) {
  tuning::CostProfile profile = tuning::read_costs(path);
  if (const Support s = fits(profile, layout, tuning::structure_hash(model.fused)); !s)
    throw ConfigError(fmt::format("cost profile '{}' does not fit: {}", path.string(), s.why_not()));
  return profile;
}

/// Read or measured; nothing where there is nothing to compare.
std::optional<tuning::CostProfile> find_profile(const config::Config& config, const LoadedModel& model,
                                                const runtime::Adaptor& adaptor, const runtime::Executable& fp32,
                                                const tuning::TuningSpace& space, const tuning::SpaceOptions& allowed,
                                                const tuning::CostLayout& layout, const std::filesystem::path& directory,
                                                const QuantizeOptions& options, std::vector<std::string>& notes) {
  const config::CostModel& wanted = config.tuning.cost_model;
  if (!wanted.keep_back && wanted.profile_from.empty() && !went_by_costs(directory, options.resume)) return std::nullopt;
  tuning::CostProfile profile;
  if (const auto path = profile_path(config, directory, options.resume); !path.empty()) {
    profile = read_fitting(path, layout, model);
  } else if (const Support s = adaptor.keeps_time(); !s) {
    return std::nullopt;
  } else if (!names_samples(config, options.supplied)) {
    notes.push_back("Speed was not compared operator by operator: there are no samples.");
    return std::nullopt;
  } else {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      profile = measured(config, model, adaptor, fp32, space, allowed.bf16_policies, layout, options, false);
      if (profile.samples.empty()) return std::nullopt;
      if (explains(profile, layout)) break;
    }
  }
  if (!options.resume) remove_file(directory / kSearchCosts);
  tuning::write_costs(directory / kCosts, profile);
  return profile;
}

/// Nothing where there is nothing to add; writes what it finds.
std::optional<tuning::CostProfile> find_refined(const Costs& costs, const config::Config& config, const LoadedModel& model,
                                                const runtime::Adaptor& adaptor, const runtime::Executable& fp32,
                                                const std::filesystem::path& path, const QuantizeOptions& options) {
  remove_file(path);
  if (!costs.measured || !config.tuning.cost_model.profile_from.empty()) return std::nullopt;
  if (costs.profile.samples.size() > tuning::cost_designs(costs.layout, 0).size()) return std::nullopt;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    tuning::CostProfile profile =
        measured(config, model, adaptor, fp32, costs.open, costs.bf16, costs.layout, options, true);
    if ((options.should_stop && options.should_stop()) || profile.samples.size() <= costs.profile.samples.size()) break;
    if (!explains(profile, costs.layout)) continue;
    profile.seconds += costs.profile.seconds;
    tuning::write_costs(path, profile);
    return profile;
  }
  return std::nullopt;
}

void take_what_the_first_has(Costs& costs, std::optional<tuning::CostProfile> profile, const Ranks& ranks) {
  const std::string told = ranks.broadcast(profile ? tuning::costs_text(*profile) : std::string());
  if (!profile && !told.empty()) profile = tuning::costs_from(told);
  if (profile) take(costs, tuning::adapted(*profile, costs.layout));
}

}  // namespace

tuning::CostModel Costs::model(const tuning::TuningSpace& space) const {
  return {layout, tables, profile.batch, space};
}

std::optional<Costs> find_costs(const config::Config& config, const LoadedModel& model, const runtime::Adaptor& adaptor,
                                const runtime::Executable& fp32, const tuning::TuningSpace& space,
                                const tuning::SpaceOptions& allowed, const std::filesystem::path& directory,
                                const QuantizeOptions& options, std::vector<std::string>& notes) {
  if (space.nodes.empty()) return {};
  Costs costs{tuning::cost_layout(model.fused, space), {}, {}, {}, false, {}, space, allowed.bf16_policies};
  const tuning::CostMachine here = machine_of(adaptor, options);
  std::optional<tuning::CostProfile> profile;
  if (options.ranks->first())
    profile = find_profile(config, model, adaptor, fp32, space, allowed, costs.layout, directory, options, notes);
  const std::string told = options.ranks->broadcast(profile ? tuning::costs_text(*profile) : std::string());
  if (told.empty()) return {};
  if (!profile) profile = tuning::costs_from(told);
  take(costs, tuning::adapted(*profile, costs.layout));
  if (const Support s = tuning::explains(costs.tables, costs.profile); !s) {
    notes.push_back(fmt::format("Speed was not compared operator by operator: {}.", s.why_not()));
    return {};
  }
  costs.measured = costs.profile.machine == here;
  costs.source = costs.measured ? "measured" : fmt::format("estimated, profile of {}", costs.profile.machine.to_string());
  if (config.tuning.cost_model.keep_back) costs.verdict = tuning::keep_back(costs.layout, costs.profile, costs.source);
  return costs;
}

void refine_costs(Costs& costs, const config::Config& config, const LoadedModel& model, const runtime::Adaptor& adaptor,
                  const runtime::Executable& fp32, const std::filesystem::path& directory, const QuantizeOptions& options) {
  std::optional<tuning::CostProfile> profile;
  if (options.ranks->first()) profile = find_refined(costs, config, model, adaptor, fp32, directory / kSearchCosts, options);
  take_what_the_first_has(costs, std::move(profile), *options.ranks);
}

void resume_costs(Costs& costs, const std::string& pinned, const LoadedModel& model, const std::filesystem::path& directory,
                  const QuantizeOptions& options) {
  const auto path = directory / kSearchCosts;
  const bool there = std::filesystem::exists(path);
  std::optional<tuning::CostProfile> profile;
  if (options.ranks->first() && there) profile = read_fitting(path, costs.layout, model);
  take_what_the_first_has(costs, std::move(profile), *options.ranks);
  if (options.ranks->first() && hash_of(&costs) != pinned)
    throw ConfigError(fmt::format("cannot resume: '{}' {}: hash {} found, {} expected by the journal", path.string(),
                                  there ? "is not what the search went by" : "is missing, and the search went by it",
                                  hash_of(&costs), pinned));
}

std::string hash_of(const Costs* costs) {
  return costs == nullptr ? "none" : Hash64().add(std::string_view(tuning::costs_text(costs->profile))).hex();
}

void keep_back(const Costs& costs, tuning::SpaceOptions& allowed, std::vector<std::string>& notes) {
  std::set<std::string> names;
  std::vector<std::string> named;
  for (const auto& kept : costs.verdict.kept) {
    allowed.slower[kept.node][kept.speed_class] = kept.reason;
    if (!names.insert(kept.name).second) continue;
    if (named.size() < kMostNamed) named.push_back(fmt::format("{} ({:.1f} µs)", kept.name, kept.microseconds));
  }
  if (names.empty()) return;
  const bool whole = std::all_of(costs.verdict.kept.begin(), costs.verdict.kept.end(),
                                 [](const tuning::KeptBack& kept) { return kept.microseconds == 0; });
  if (whole) {
    notes.push_back(fmt::format("Everything stays in FP32: {}.", costs.verdict.kept.front().reason));
    return;
  }
  if (names.size() > named.size()) named.push_back(fmt::format("{} more", names.size() - named.size()));
  notes.push_back(
      fmt::format("Kept back because INT8 or BF16 would be slower there ({}): {}.", costs.source, joined(named)));
}

}  // namespace inc::pipeline
