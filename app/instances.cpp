#include "app/instances.h"

#include <fmt/format.h>

#include <numeric>

#include "app/timing_worker.h"

namespace inc::app {

double InstanceResult::samples_per_second() const {
  const double total = std::accumulate(milliseconds.begin(), milliseconds.end(), 0.0);
  return total > 0 ? 1e3 * static_cast<double>(batch) * static_cast<double>(milliseconds.size()) / total : 0;
}

std::vector<InstanceResult> run_instances(const std::vector<std::string>& command, const std::vector<Setting>& instances,
                                          double seconds, std::int64_t runs) {
  std::vector<Worker> started;
  for (std::size_t i = 0; i < instances.size(); ++i)
    started.emplace_back(fmt::format("instance {}", i), command, instances[i]);
  std::vector<TimingWorker> ready;
  for (Worker& worker : started) ready.emplace_back(std::move(worker));
  for (TimingWorker& worker : ready) worker.order(seconds, runs);
  std::vector<InstanceResult> results;
  for (std::size_t i = 0; i < ready.size(); ++i) {
    TimingWorker& worker = ready[i];
    InstanceResult result{instances[i].cpus, worker.answer(), worker.precision, worker.prepare_ms, 0, worker.batch};
    result.peak_rss_bytes = worker.peak_rss_bytes;
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace inc::app
