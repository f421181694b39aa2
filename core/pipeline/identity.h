#pragma once
// What a journal belongs to.
#include "core/pipeline/work.h"
#include "core/search/journal.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

/// Hashes of the model file, of the data (name, size, three samples) and of the search space; strategy, seed, version.
search::RunIdentity identity(const config::Config& config, const LoadedModel& model, const AccuracyTask& task,
                             const tuning::TuningSpace& space);

}  // namespace inc::pipeline
