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
#include <variant>
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
  double accuracy = 0;                         ///< in the metric's unit, oriented as the metric is
  double accuracy_low = 0, accuracy_high = 0;  ///< where that of the whole set lies; equal when all of it was executed
  double loss = 0;        ///< against the target's direction: > 0 is worse than the baseline (relative or absolute)
  double loss_error = 0;  ///< standard error of the loss, from the paired differences of all samples; 0: not known
  bool met = false;       ///< the accuracy target holds; then the whole set was executed
  double cost = 0;        ///< the objective, smaller is better (milliseconds per sample for latency)
  double latency_ms = 0, model_bytes = 0, footprint_bytes = 0;  ///< what objectives are made of; 0: not known
  double seconds = 0;                ///< wall time of the trial; of trials side by side, its part of theirs
  double full_evaluations = 0;       ///< share of the evaluation set executed
  double divergence = -1;            ///< of the outputs from FP32's (normalised squared error); negative: not measured
  std::vector<double> metrics = {};  ///< the value of each, where the whole set was executed
  std::vector<double> details = {};  ///< what else is known then, in the metric's order (eval::Details)
  std::string why_failed;
};

/// What each option of one operator does while all others are in FP32; per dimension, per option. Infinity: cannot be
/// executed or is not finite.
struct Sensitivity {
  std::vector<std::vector<double>> output;  ///< divergence of the model's outputs (Observation::divergence)
  std::vector<std::vector<double>> own;     ///< normalised squared error of the operator's own output
  double full_evaluations = 0;              ///< samples executed, each by the share of the graph, over the evaluation set's
  double seconds = 0;
  std::string costs = {};  ///< a hash of what predicts costs from here on
};

class History {
 public:
  std::span<const Observation> all() const noexcept { return items_; }
  std::size_t size() const noexcept { return items_.size(); }
  const Observation& operator[](std::size_t i) const { return items_[i]; }
  void push(Observation observation) { items_.push_back(std::move(observation)); }
  /// nullptr until it was measured.
  const Sensitivity* sensitivity() const noexcept { return sensitivity_ ? &*sensitivity_ : nullptr; }
  /// Of the evaluation set: samples executed for all trials and for the sensitivities.
  double full_evaluations() const noexcept;
  void set(Sensitivity sensitivity) { sensitivity_ = std::move(sensitivity); }
  /// The observation of that point, or nullptr.
  const Observation* find(const Point& point) const noexcept;
  /// Best complete observation: met before missed; among met the smallest cost; among missed the smallest loss.
  const Observation* best() const noexcept;

 private:
  std::vector<Observation> items_;
  std::optional<Sensitivity> sensitivity_;
};

/// Extra measurements that a strategy needs before it can answer.
struct Wants {
  bool sensitivity = false;
};

/// What a strategy may know besides the history.
struct Knowledge {
  std::uint64_t seed = 0;
  /// The predicted cost of a point, smaller is better; empty where nothing is known. Same point, same answer.
  std::function<double(const Point&)> cost = {};
  /// The loss (Observation::loss) that just meets the target; not positive: not known.
  double allowed_loss = 0;
  /// Of the evaluation set, after which nothing more is spent on a point that meets the target; 0: no limit.
  double full_evaluations = 0;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  /// The next point to try, or nullopt when the strategy has nothing left to propose.
  /// Contract: depends only on construction arguments and `history`; same history → same point; never an out-of-range
  /// index; never a point that is in the history already.
  virtual std::optional<Point> ask(const History& history) const = 0;
  /// What must be in the history before ask(history); a pure function too.
  virtual Wants wants(const History& /*history*/) const { return {}; }
  /// Whether the search goes on after the target was first met, until ask() has nothing left, although no time was given.
  virtual bool goes_on() const { return false; }
  virtual std::string_view name() const = 0;
};

struct StopRule {
  std::size_t max_trials = 100;
  double timeout_seconds = 0;  ///< 0: stop at the first observation that meets the target (Strategy::goes_on); > 0: use it
  std::function<bool()> should_stop = {};  ///< SIGINT, SIGTERM
  std::size_t max_equal_failures = 3;      ///< in a row, with the same reason
};

enum class StopReason : std::uint8_t { TargetMet, MaxTrials, Timeout, Interrupted, Exhausted, RepeatedFailure };
std::string_view name_of(StopReason);

/// Thrown by a measure that was told to stop: the trial leaves no observation, and tune() ends with the reason.
struct Interrupted {
  StopReason reason = StopReason::Interrupted;
};

/// `trial`: its number in the search, from 1.
using Evaluate = std::function<Observation(const Point&, std::size_t trial)>;
/// What came of a trial, or why nothing did.
using Measured = std::variant<Observation, Interrupted>;

struct Measures {
  Evaluate evaluate;
  std::function<Sensitivity()> sensitivity = {};  ///< required by strategies that want it
  /// As many trials at the same time, `first` and those that follow it; 1: one after the other.
  std::size_t width = 1;
  std::function<std::vector<Measured>(const std::vector<Point>&, std::size_t first)> side_by_side = {};
};

/// Called after each new observation with its number, beginning with 1, and after the sensitivities (journal, progress).
struct Listener {
  std::function<void(const Observation&, std::size_t)> on_trial = {};
  std::function<void(const Sensitivity&)> on_sensitivity = {};
};

struct Outcome {
  History history;
  StopReason stopped = StopReason::Exhausted;
};

/// Asks, evaluates, records until a stop rule fires. Observations in `resume` count as trials, their seconds as time spent;
/// nothing in it is measured again. An accuracy that is not finite makes the trial Failed. Trials are measured side by side
/// where the strategy's next points do not hang on those before (core/search/ahead.h); the history is the same. Throws
/// InternalError when the strategy proposes a point of the history.
Outcome tune(const Strategy& strategy, const Measures& measures, const StopRule& stop, const Listener& listener = {},
             History resume = {});

}  // namespace inc::search
