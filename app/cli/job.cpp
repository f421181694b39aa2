#include "app/cli/job.h"

#include <cstdlib>
#include <memory>

#include "app/cli/job_mpi.h"

namespace inc::cli {
namespace {

std::unique_ptr<const Job> job;

/// What mpirun says of Open MPI, and of MPICH and its relatives.
bool started_by_mpirun() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* size = std::getenv(name); size != nullptr && std::atoi(size) > 1) return true;
  return false;
}

}  // namespace

const Ranks& join_job() {
  if (!started_by_mpirun()) return alone();
  if (!job) job = join_mpi();
  if (!job) throw ConfigError("several processes were started by mpirun, but this program was built without MPI");
  return *job;
}

void leave_job() {
  job.reset();
}

void fail_job(ExitCode code, void (*say)(const std::string&), const std::string& message) noexcept {
  if (job && !job->first()) job->wait_for_the_end();
  say(message);
  if (job) job->abort(code);
}

}  // namespace inc::cli
