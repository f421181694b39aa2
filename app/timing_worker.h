#pragma once
// A process that times one model: another instance of this program, or another engine.
// It says that it is ready with a line of JSON; the order "run SECONDS RUNS" (RUNS -1: as many as fit, at least one) is
// answered by {"ms": […], "peak_rss_bytes"}.
#include "app/benchmark.h"
#include "app/worker.h"

namespace inc::app {

class TimingWorker {
 public:
  /// Waits until it is ready, or has said why it will not be.
  explicit TimingWorker(Worker started);
  bool absent() const noexcept { return !why_absent.empty(); }
  void order(double seconds, std::int64_t runs);
  std::vector<double> answer();  ///< milliseconds of each run

  std::string why_absent, version, precision;
  double prepare_ms = 0;
  std::int64_t peak_rss_bytes = 0, batch = 1;

 private:
  Worker worker_;
};

/// The other side, for this program: follows the orders on standard input until there are no more.
/// `load_ms`: reading and fusing the model.
void serve(const Contender& contender, std::int64_t batch, double load_ms);

}  // namespace inc::app
