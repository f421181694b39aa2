#pragma once
// Several copies of a program at once, each on cores, and if wanted NUMA memory, of its own.
#include "app/host.h"
#include "app/placement.h"
#include "app/process.h"

namespace inc::app {

struct LaunchOptions {
  int instances = 1;
  int cores_each = 0;  ///< 0: all cores shared out
  bool numa = false;   ///< memory only from the NUMA nodes of the cores
  std::string allocator = "default";
};

struct LaunchPlan {
  int cores_each = 1, cores = 1;    ///< `cores`: that this process may use
  std::vector<Setting> instances;   ///< one CPU of each core: no hyper-threads
  std::vector<std::string> places;  ///< "node 0" of each
};

/// Cores by place(); OMP_NUM_THREADS, OMP_PROC_BIND and OMP_PLACES for them, KMP_BLOCKTIME where `variables` (the
/// environment) has none. OpenMP runtimes would heed KMP_AFFINITY, KMP_HW_SUBSET and GOMP_CPU_AFFINITY before OMP_PLACES:
/// those are removed. The allocator goes in front of LD_PRELOAD. Throws ConfigError: not enough cores, an allocator that is
/// not installed, with the directories that were searched.
LaunchPlan plan_launch(const Topology& topology, const LaunchOptions& options, const Host& host,
                       const std::map<std::string, std::string>& variables);
/// What is set, for people.
std::string to_text(const LaunchPlan& plan, const std::vector<std::string>& command);

struct RunOptions {
  bool keep_going = false;    ///< the others run on when one fails; otherwise they get SIGTERM, after ten seconds SIGKILL
  double grace_seconds = 10;  ///< those ten
};
/// Starts the command once for each instance, "{instance}" in its words replaced by the number, and waits. Their lines go
/// to standard output and error as "[number] line", also those that end with a carriage return; standard input is empty;
/// SIGINT, SIGTERM and SIGHUP are passed on. Returns the exit code of the first that failed, 128 + number for a signal, or
/// 0.
int run_launch(const LaunchPlan& plan, const std::vector<std::string>& command, const RunOptions& options);

}  // namespace inc::app
