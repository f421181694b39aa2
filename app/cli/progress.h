#pragma once
// Progress on standard error: one live line on a terminal, plain lines elsewhere.
#include <chrono>
#include <string>

#include "core/pipeline/quantize.h"

namespace inc::cli {

class ProgressLine {
 public:
  /// `wanted` false: says nothing.
  ProgressLine(bool wanted, std::int64_t max_trials);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void update(const pipeline::Progress& progress);
  void trial(const search::Observation& seen, std::size_t number);

 private:
  void show(const std::string& line);
  void clear();
  bool wanted_, live_, shown_ = false;
  std::int64_t max_trials_;
  std::size_t trials_ = 0;
  std::string best_, stage_;
  double trial_seconds_ = 0;
  search::History history_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace inc::cli
