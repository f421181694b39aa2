#pragma once
// Several processes that mpirun has started for one command.
#include "core/base/error.h"
#include "core/base/ranks.h"

namespace inc::cli {

/// The processes of the job, once all of them have called this; alone() where there is one. Threads are shared out among
/// those of a machine unless OMP_NUM_THREADS says how many. Throws ConfigError when several were started and this program
/// was built without MPI.
const Ranks& join_job();
/// Waits for the others, at the end.
void leave_job();
/// After an error in this process: ends all of the job. Of an error that all have met only rank 0 lives to speak, so others
/// wait before they call `say`.
void fail_job(ExitCode code, void (*say)(const std::string&), const std::string& message) noexcept;

}  // namespace inc::cli
