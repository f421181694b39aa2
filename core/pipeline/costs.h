#pragma once
// What speed decides before the search: the cost model, and the operators that it keeps out of INT8 and BF16.
#include <optional>

#include "core/pipeline/quantize.h"
#include "core/pipeline/work.h"
#include "core/tuning/cost_model.h"
#include "core/tuning/keep_back.h"

namespace inc::pipeline {

struct Costs {
  tuning::CostLayout layout;
  tuning::CostProfile profile;
  tuning::CostTables tables;  ///< fitted to it
  tuning::Verdict verdict;
  bool measured = false;          ///< on this machine, in this run or by a profile of it; otherwise an estimate
  std::string source;             ///< "measured", "estimated (profile of …)"
  tuning::TuningSpace open = {};  ///< that was measured
  quant::Bf16Policies bf16 = {};
  tuning::CostModel model(const tuning::TuningSpace& space) const;
};

/// Measures on one batch of the data at hand, or reads the profile that the configuration names (of a run that is resumed:
/// that run's). Writes costs.json into `directory`; the costs_search.json of another run is removed. Nothing where
/// tuning.cost_model.keep_back is off and no profile is named, the adaptor's times mean nothing, no operator has a choice,
/// or there are no samples; `notes` says so where the user might expect it. Throws ConfigError for a profile that does not
/// fit, and where that of the run that is resumed is missing. Of several ranks the first measures, reads and writes.
std::optional<Costs> find_costs(const config::Config& config, const LoadedModel& model, const runtime::Adaptor& adaptor,
                                const runtime::Executable& fp32, const tuning::TuningSpace& space,
                                const tuning::SpaceOptions& allowed, const std::filesystem::path& directory,
                                const QuantizeOptions& options, std::vector<std::string>& notes);

/// What a search needs beyond that: what it costs where unlike precisions meet. Measures mixed candidates where this run's
/// profile has none, and writes costs_search.json; one of an earlier run is removed. The verdict stays. With a profile that
/// the configuration names nothing is measured. Of several ranks the first measures and writes.
void refine_costs(Costs& costs, const config::Config& config, const LoadedModel& model, const runtime::Adaptor& adaptor,
                  const runtime::Executable& fp32, const std::filesystem::path& directory, const QuantizeOptions& options);

/// The same of a run that had come this far: what it measured then, if anything, and no more. `pinned`: what hash_of said
/// when it had. Throws ConfigError for a costs_search.json that is missing, was changed, or does not fit. Of several ranks
/// the first reads, and only its `pinned` counts.
void resume_costs(Costs& costs, const std::string& pinned, const LoadedModel& model, const std::filesystem::path& directory,
                  const QuantizeOptions& options);

/// What a journal's first line calls hash_of.
inline constexpr const char* kCostsHash = "costs_hash";
/// Of the times; "none" for null.
std::string hash_of(const Costs* costs);

/// Adds what is kept back to what is allowed, and a sentence about it to `notes`.
void keep_back(const Costs& costs, tuning::SpaceOptions& allowed, std::vector<std::string>& notes);

}  // namespace inc::pipeline
