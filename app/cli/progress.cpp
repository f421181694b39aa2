#include "app/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace inc::cli {
namespace {

constexpr auto kLeastPause = std::chrono::milliseconds(100);

std::string bar(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kWidth = 20;
  const std::int64_t filled = total > 0 ? kWidth * done / total : 0;
  return std::string(static_cast<std::size_t>(filled), '#') + std::string(static_cast<std::size_t>(kWidth - filled), '.');
}

}  // namespace

ProgressLine::ProgressLine(bool wanted, std::int64_t max_trials)
    : wanted_(wanted), live_(::isatty(STDERR_FILENO) != 0), max_trials_(max_trials) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void ProgressLine::show(const std::string& line) {
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::update(const pipeline::Progress& progress) {
  if (!wanted_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!live_) {
    if (progress.stage != stage_ && progress.stage != "tune") std::fprintf(stderr, "%s …\n", progress.stage.c_str());
    stage_ = progress.stage;
    return;
  }
  if (progress.stage == stage_ && progress.done < progress.total && now - last_ < kLeastPause) return;
  last_ = now;
  stage_ = progress.stage;
  std::string line =
      fmt::format("{:<9} [{}] {}/{}", progress.stage, bar(progress.done, progress.total), progress.done, progress.total);
  if (progress.stage == "tune") {
    line += fmt::format("  trial {}/{}", trials_ + 1, max_trials_);
    if (!best_.empty()) line += "  best " + best_;
    if (trials_ > 0) line += fmt::format("  {:.1f} s a trial", trial_seconds_ / static_cast<double>(trials_));
  }
  show(line);
}

void ProgressLine::trial(const search::Observation& seen, std::size_t number) {
  trials_ = number;
  trial_seconds_ += seen.seconds;
  history_.push(seen);
  if (const auto* best = history_.best()) best_ = fmt::format("{:.4f}{}", best->accuracy, best->met ? " (target met)" : "");
  if (!wanted_) return;
  clear();
  if (seen.state == search::TrialState::Failed)
    std::fprintf(stderr, "trial %zu: failed: %s\n", number, seen.why_failed.c_str());
  else
    std::fprintf(stderr, "trial %zu: accuracy %.4f, %s, %.3f ms a sample, %.1f s\n", number, seen.accuracy,
                 seen.met ? "target met" : "target missed", seen.latency_ms, seen.seconds);
}

}  // namespace inc::cli
