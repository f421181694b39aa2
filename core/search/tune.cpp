#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "core/search/ahead.h"
#include "core/search/search.h"

namespace inc::search {
namespace {

bool met(const History& history) {
  for (const auto& seen : history.all())
    if (seen.state == TrialState::Complete && seen.met) return true;
  return false;
}

bool failing(const History& history, std::size_t limit) {
  if (limit == 0 || history.size() < limit) return false;
  const Observation& last = history[history.size() - 1];
  for (std::size_t i = history.size() - limit; i < history.size(); ++i)
    if (history[i].state != TrialState::Failed || history[i].why_failed != last.why_failed) return false;
  return true;
}

class TimeSpent {
 public:
  explicit TimeSpent(const History& resumed) {
    for (const auto& seen : resumed.all()) before_ += seen.seconds;
    if (resumed.sensitivity() != nullptr) before_ += resumed.sensitivity()->seconds;
  }
  double seconds() const { return before_ + watch_.seconds(); }

 private:
  Stopwatch watch_;
  double before_ = 0;
};

std::optional<StopReason> stopped(const Strategy& strategy, const History& history, const StopRule& rule,
                                  const TimeSpent& clock) {
  if (rule.should_stop && rule.should_stop()) return StopReason::Interrupted;
  if (rule.timeout_seconds <= 0 && !strategy.goes_on() && met(history)) return StopReason::TargetMet;
  if (rule.timeout_seconds > 0 && clock.seconds() >= rule.timeout_seconds) return StopReason::Timeout;
  if (history.size() >= rule.max_trials) return StopReason::MaxTrials;
  if (failing(history, rule.max_equal_failures)) return StopReason::RepeatedFailure;
  return std::nullopt;
}

Observation checked(Observation seen, const Point& point) {
  seen.point = point;
  if (seen.state == TrialState::Complete && !std::isfinite(seen.accuracy)) {
    seen.state = TrialState::Failed;
    seen.why_failed = fmt::format("the accuracy is not finite: {}", seen.accuracy);
  }
  if (seen.state == TrialState::Failed) seen.met = false;
  return seen;
}

}  // namespace

std::string_view name_of(StopReason reason) {
  switch (reason) {
    case StopReason::TargetMet:
      return "target met";
    case StopReason::MaxTrials:
      return "max_trials reached";
    case StopReason::Timeout:
      return "timeout reached";
    case StopReason::Interrupted:
      return "interrupted";
    case StopReason::Exhausted:
      return "nothing left to try";
    case StopReason::RepeatedFailure:
      return "trials keep failing for the same reason";
  }
  return "";
}

Outcome tune(const Strategy& strategy, const Measures& measures, const StopRule& stop, const Listener& listener,
             History resume) {
  const TimeSpent clock(resume);
  Outcome outcome{std::move(resume), StopReason::Exhausted};
  History& history = outcome.history;
  Ahead ahead(strategy, measures);
  for (;;) {
    if (const auto reason = stopped(strategy, history, stop, clock)) {
      outcome.stopped = *reason;
      return outcome;
    }
    try {
      if (strategy.wants(history).sensitivity && history.sensitivity() == nullptr) {
        INC_CHECK(measures.sensitivity, "sensitivities can be measured for a strategy that wants them");
        history.set(measures.sensitivity());
        if (listener.on_sensitivity) listener.on_sensitivity(*history.sensitivity());
        continue;
      }
      const std::optional<Point> point = strategy.ask(history);
      if (!point) {
        if (stop.timeout_seconds <= 0 && met(history)) outcome.stopped = StopReason::TargetMet;
        return outcome;
      }
      if (history.find(*point) != nullptr)
        throw InternalError(fmt::format("strategy '{}' repeats itself at trial {}", strategy.name(), history.size() + 1));
      history.push(checked(ahead.measure(*point, history, stop.max_trials - history.size()), *point));
    } catch (const Interrupted& stopped_by) {
      outcome.stopped = stopped_by.reason;
      return outcome;
    }
    if (listener.on_trial) listener.on_trial(history[history.size() - 1], history.size());
  }
}

}  // namespace inc::search
