#pragma once
// Several processes that time the same model at the same time, each on cores of its own.
#include "app/benchmark.h"
#include "app/process.h"

namespace inc::app {

struct InstanceResult {
  std::vector<int> cpus;
  std::vector<double> milliseconds;
  std::string precision;
  double prepare_ms = 0;
  std::int64_t peak_rss_bytes = 0, batch = 1;
  double samples_per_second() const;
};

/// Starts `command` (a timing worker) once for each instance. All start to measure when the last one is ready.
std::vector<InstanceResult> run_instances(const std::vector<std::string>& command, const std::vector<Setting>& instances,
                                          double seconds, std::int64_t runs);

}  // namespace inc::app
