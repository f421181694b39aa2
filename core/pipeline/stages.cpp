#include "core/pipeline/stages.h"

#include <ctime>

namespace inc::pipeline {

Stages::Moment Stages::Moment::now() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return {std::chrono::steady_clock::now(), static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec)};
}

report::StageRow Stages::row(const std::string& name, const Moment& since) {
  const Moment now = Moment::now();
  return {name, std::chrono::duration<double>(now.wall - since.wall).count(), now.cpu - since.cpu};
}

void Stages::enter(std::string name) {
  if (!current_.empty()) done_.push_back(row(current_, entered_));
  current_ = std::move(name);
  entered_ = Moment::now();
}

std::vector<report::StageRow> Stages::rows() const {
  std::vector<report::StageRow> all = done_;
  if (!current_.empty()) all.push_back(row(current_, entered_));
  return all;
}

double Stages::seconds() const {
  return row({}, start_).seconds;
}

}  // namespace inc::pipeline
