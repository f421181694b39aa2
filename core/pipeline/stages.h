#pragma once
// Where the time of a run goes.
#include <chrono>
#include <string>
#include <vector>

#include "core/report/report.h"

namespace inc::pipeline {

class Stages {
 public:
  /// Ends the stage before it.
  void enter(std::string name);
  /// All stages so far, the current one up to now.
  std::vector<report::StageRow> rows() const;
  /// Since construction, wall time.
  double seconds() const;

 private:
  struct Moment {
    std::chrono::steady_clock::time_point wall = std::chrono::steady_clock::now();
    double cpu = 0;
    static Moment now();
  };
  static report::StageRow row(const std::string& name, const Moment& since);
  const Moment start_ = Moment::now();
  Moment entered_ = start_;
  std::string current_;
  std::vector<report::StageRow> done_;
};

}  // namespace inc::pipeline
