#pragma once
// Progress on standard error: one live line on a terminal, plain lines elsewhere.
#include <chrono>
#include <string>

#include "core/pipeline/quantize.h"

namespace inc::cli {

class ProgressLine {
 public:
  /// `wanted` false: says nothing. `timeout` in seconds; 0: none.
  ProgressLine(bool wanted, std::int64_t max_trials, double timeout = 0);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void update(const pipeline::Progress& progress);
  void trial(const search::Observation& seen, std::size_t number);

 private:
  using Clock = std::chrono::steady_clock;

  void show(const std::string& line);
  void clear();
  std::string search_state() const;
  std::string time_left() const;

  bool wanted_, live_, shown_ = false;
  std::int64_t max_trials_;
  double timeout_, trial_seconds_ = 0;
  std::size_t number_ = 0, timed_ = 0;
  std::string stage_;
  search::History history_;
  Clock::time_point last_{}, search_start_{};
};

/// "0.9335", or "0.912 (0.905 to 0.919)" where it was not measured on the whole set.
std::string accuracy_text(const search::Observation& seen);
/// "45 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

}  // namespace inc::cli
