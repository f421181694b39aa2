#pragma once
// The door to MPI.
#include <memory>

#include "core/base/error.h"
#include "core/base/ranks.h"

namespace inc::cli {

/// Its destructor waits for all processes.
class Job : public Ranks {
 public:
  /// As long as rank 0 may need to end the job because of what this process has met too.
  virtual void wait_for_the_end() const noexcept = 0;
  /// Ends all processes with that code.
  virtual void abort(ExitCode code) const noexcept = 0;
};

/// nullptr where the program was built without MPI.
std::unique_ptr<const Job> join_mpi();

}  // namespace inc::cli
