#include "app/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace inc::cli {
namespace {

constexpr auto kLeastPause = std::chrono::milliseconds(100);

std::string progress_bar(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kWidth = 20;
  const std::int64_t filled = total > 0 ? kWidth * done / total : 0;
  return std::string(static_cast<std::size_t>(filled), '#') + std::string(static_cast<std::size_t>(kWidth - filled), '.');
}

/// A longer line would wrap, and could not be taken back.
std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
}

std::string described(const search::Observation& seen) {
  const std::string share =
      seen.full_evaluations < 1 ? fmt::format(" on {:.0f} % of the samples", 100 * seen.full_evaluations) : "";
  return fmt::format("accuracy {}{}, target {}, about {:.3f} ms a sample, {:.1f} s", accuracy_text(seen), share,
                     seen.met ? "met" : "missed", seen.latency_ms, seen.seconds);
}

}  // namespace

std::string accuracy_text(const search::Observation& seen) {
  if (seen.accuracy_low == seen.accuracy_high) return fmt::format("{:.4f}", seen.accuracy);
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", seen.accuracy, seen.accuracy_low, seen.accuracy_high);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

ProgressLine::ProgressLine(bool wanted, std::int64_t max_trials, double timeout)
    : wanted_(wanted), live_(::isatty(STDERR_FILENO) != 0), max_trials_(max_trials), timeout_(timeout) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void ProgressLine::show(const std::string& line) {
  std::fprintf(stderr, "\r\033[K%s", line.substr(0, terminal_width()).c_str());
  std::fflush(stderr);
  shown_ = true;
}

std::string ProgressLine::time_left() const {
  const double spent = std::chrono::duration<double>(Clock::now() - search_start_).count();
  if (timeout_ > 0) return fmt::format("{} left", duration_text(timeout_ - spent));
  if (timed_ == 0) return "";
  const double trials = static_cast<double>(max_trials_) - static_cast<double>(number_);
  return fmt::format("at most {} left", duration_text(trials * trial_seconds_ / static_cast<double>(timed_)));
}

std::string ProgressLine::search_state() const {
  std::string text = fmt::format("trial {}/{}", number_ + 1, max_trials_);
  if (const auto* best = history_.best())
    text += fmt::format("  best {}, {}", accuracy_text(*best), best->met ? "met" : "missed");
  if (const std::string left = time_left(); !left.empty()) text += "  " + left;
  return text;
}

void ProgressLine::update(const pipeline::Progress& progress) {
  if (!wanted_) return;
  const auto now = Clock::now();
  if (progress.stage == "tune" && search_start_ == Clock::time_point{}) search_start_ = now;
  if (!live_) {
    if (progress.stage != stage_ && progress.stage != "tune") std::fprintf(stderr, "%s …\n", progress.stage.c_str());
    stage_ = progress.stage;
    return;
  }
  if (progress.stage == stage_ && progress.done < progress.total && now - last_ < kLeastPause) return;
  last_ = now;
  stage_ = progress.stage;
  const std::string begin = fmt::format("{:<9} [{}] ", progress.stage, progress_bar(progress.done, progress.total));
  show(progress.stage == "tune" ? begin + search_state() : begin + fmt::format("{}/{}", progress.done, progress.total));
}

void ProgressLine::trial(const search::Observation& seen, std::size_t number) {
  number_ = number;
  ++timed_;
  trial_seconds_ += seen.seconds;
  history_.push(seen);
  if (!wanted_) return;
  clear();
  const bool failed = seen.state == search::TrialState::Failed;
  std::fprintf(stderr, "trial %zu: %s\n", number, (failed ? "failed: " + seen.why_failed : described(seen)).c_str());
  if (live_ && stage_ == "tune") show(fmt::format("{:<9} [{}] {}", stage_, progress_bar(0, 1), search_state()));
}

}  // namespace inc::cli
