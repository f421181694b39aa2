#pragma once
// The search: spaces, observations, histories, strategies and the loop. Knows nothing of graphs or quantization.
#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inc::search {

/// One option index per dimension.
using Point = std::vector<std::uint16_t>;

/// Options are labels ordered by speed, fastest first; the last one is "fp32".
struct Dimension {
  std::string name;     ///< the operator's name
  std::string op_type;  ///< dimensions of one type may be moved together
  std::vector<std::string> options;
  std::size_t safe = std::numeric_limits<std::size_t>::max();  ///< beyond the options: the last one
  /// Where an operator falls back to: the fastest option that loses next to nothing.
  std::size_t fallback() const noexcept { return safe < options.size() ? safe : options.size() - 1; }
};
struct SearchSpace {
  std::vector<Dimension> dims;
  /// The number of points, saturating at 2^63 - 1.
  std::uint64_t size() const noexcept;
  bool contains(const Point& point) const noexcept;
  Point fastest() const;  ///< all zeros
  Point fp32() const;     ///< every last option
};

enum class TrialState : std::uint8_t { Complete, Failed };

struct Observation {
  Point point;
  TrialState state = TrialState::Complete;
  double accuracy = 0;          ///< in the metric's unit, oriented as the metric is
  double loss = 0;              ///< against the target's direction: > 0 is worse than the baseline (relative or absolute)
  bool met = false;             ///< the accuracy target holds
  double cost = 0;              ///< the objective, smaller is better (milliseconds per sample for latency)
  double seconds = 0;           ///< wall time of the trial
  double full_evaluations = 0;  ///< share of the evaluation set executed
  double divergence = -1;       ///< of the outputs from FP32's (normalised squared error); negative: not measured
  std::vector<float> op_error;  ///< per dimension, only when the strategy wants it
  std::string why_failed;
};

class History {
 public:
  std::span<const Observation> all() const noexcept { return items_; }
  std::size_t size() const noexcept { return items_.size(); }
  const Observation& operator[](std::size_t i) const { return items_[i]; }
  void push(Observation observation) { items_.push_back(std::move(observation)); }
  /// The observation of that point, or nullptr.
  const Observation* find(const Point& point) const noexcept;
  /// Best complete observation: met before missed; among met the smallest cost; among missed the smallest loss.
  const Observation* best() const noexcept;

 private:
  std::vector<Observation> items_;
};

/// Extra measurements a strategy asks the tuner for.
struct Wants {
  bool op_error = false;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  /// The next point to try, or nullopt when the strategy has nothing left to propose.
  /// Contract: depends only on construction arguments and `history`; same history → same point; never an out-of-range
  /// index; never a point that is in the history already.
  virtual std::optional<Point> ask(const History& history) const = 0;
  virtual Wants wants() const { return {}; }
  virtual std::string_view name() const = 0;
};

struct StopRule {
  std::size_t max_trials = 100;
  double timeout_seconds = 0;              ///< 0: stop at the first observation that meets the target; > 0: use the time
  std::function<bool()> should_stop = {};  ///< SIGINT, SIGTERM
  std::size_t max_equal_failures = 3;      ///< in a row, with the same reason
};

enum class StopReason : std::uint8_t { TargetMet, MaxTrials, Timeout, Interrupted, Exhausted, RepeatedFailure };
std::string_view name_of(StopReason);

/// Thrown by an Evaluate that was told to stop: the trial leaves no observation, and tune() ends with Interrupted.
struct Interrupted {};

using Evaluate = std::function<Observation(const Point&)>;

struct Outcome {
  History history;
  StopReason stopped = StopReason::Exhausted;
};

/// Asks, evaluates, records until a stop rule fires. `on_trial` is called after each new observation (journal, progress).
/// Observations in `resume` count as trials, their seconds as time spent; they are never evaluated again. An accuracy that
/// is not finite makes the trial Failed. Throws InternalError when the strategy proposes a point of the history.
Outcome tune(const Strategy& strategy, const Evaluate& evaluate, const StopRule& stop,
             const std::function<void(const Observation&, std::size_t)>& on_trial = {}, History resume = {});

}  // namespace inc::search
