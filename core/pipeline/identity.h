#pragma once
// What a journal belongs to.
#include <optional>

#include "core/pipeline/costs.h"
#include "core/pipeline/quantize.h"
#include "core/pipeline/work.h"
#include "core/search/journal.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

/// What a run is made of; `calibration` and `costs` may be null.
struct Origins {
  const config::Config& config;
  const LoadedModel& model;
  const AccuracyTask& task;
  const CalibrationTask* calibration;
  const tuning::TuningSpace& space;
  const Costs* costs;
  const runtime::Adaptor& adaptor;
  const report::Report::Machine& machine;
};

/// Hashes of the model with its external data, of the data (name, size, some samples), of the search space and of the
/// times it was narrowed by; strategy, seed, version, engine, ISA; and every setting that decides what a trial is or when
/// the target is met. What only ends a search (exit_policy) and names of files and models are not part of it.
search::RunIdentity identity(const Origins& run);

/// Begins the journal of the run in that directory, or continues it; `history` receives what it holds. Rank 0 alone has a
/// journal and a history; ranks that would do another run (another model, data or CPU on their machine) are refused with a
/// ConfigError.
std::optional<search::Journal> open_journal(const Origins& run, const std::filesystem::path& directory,
                                            const QuantizeOptions& options, search::History& history);

}  // namespace inc::pipeline
