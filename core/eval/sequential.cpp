#include "core/eval/sequential.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "core/base/error.h"

namespace inc::eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kLeast = 20;                     // differences before the first bet, where their range must be seen
constexpr double kMostOfRoom = 0.9;                    // stakes that cannot lose everything
constexpr double kPriorShare = 0.1, kPriorCount = 10;  // variance before anything was seen, in that of a fair coin

/// log of the mean of exp(values).
double log_mean(std::span<const double> values) {
  const double peak = *std::max_element(values.begin(), values.end());
  if (!std::isfinite(peak)) return peak;
  double sum = 0;
  for (const double v : values) sum += std::exp(v - peak);
  return peak + std::log(sum / static_cast<double>(values.size()));
}

}  // namespace

void SequentialTest::Past::push(double difference) noexcept {
  ++count;
  sum += difference;
  square += difference * difference;
  least = std::min(least, difference);
  most = std::max(most, difference);
}

SequentialTest::SequentialTest(SequentialSetup setup)
    : setup_(std::move(setup)), count_(static_cast<double>(setup_.fp32.size())), sign_(setup_.higher_is_better ? 1 : -1) {
  INC_CHECK(!setup_.fp32.empty(), "a sequential test has samples");
  if (!setup_.higher_is_better) std::tie(setup_.low, setup_.high) = std::pair(-setup_.high, -setup_.low);
  for (double& score : setup_.fp32) score *= sign_;
  const double fp32_sum = std::accumulate(setup_.fp32.begin(), setup_.fp32.end(), 0.0);
  const auto [least, most] = std::minmax_element(setup_.fp32.begin(), setup_.fp32.end());
  wanted_ = count_ * sign_ * setup_.target - fp32_sum;
  slack_ = 1e-9 * std::max(1.0, std::abs(count_ * setup_.target));
  least_difference_ = setup_.low - *most;
  most_difference_ = setup_.high - *least;
  certain_low_ = count_ * setup_.low - fp32_sum;
  certain_high_ = count_ * setup_.high - fp32_sum;
}

void SequentialTest::add(std::span<const double> scores) {
  INC_CHECK(differences_.size() + scores.size() <= setup_.fp32.size(), "no more scores than samples");
  for (const double score : scores) {
    INC_CHECK(std::isfinite(score), "scores are finite");
    const double oriented = sign_ * score, difference = oriented - setup_.fp32[differences_.size()];
    play(missed_, past_, difference, wanted_, 1);
    play(met_, past_, difference, wanted_, -1);
    differences_.push_back(difference);
    past_.push(difference);
    if (std::isfinite(setup_.low)) certain_low_ += oriented - setup_.low;
    if (std::isfinite(setup_.high)) certain_high_ += oriented - setup_.high;
  }
  if (differences_.size() == setup_.fp32.size()) certain_low_ = certain_high_ = past_.sum;
  if (verdict_ == Verdict::Undecided) decide();
}

void SequentialTest::decide() {
  const bool cannot = certain_high_ < wanted_ - slack_, must = certain_low_ >= wanted_ - slack_;
  certain_ = cannot || must;
  if (cannot || (!must && refuted(wanted_, 1)))
    verdict_ = Verdict::Missed;
  else if (must || refuted(wanted_, -1))
    verdict_ = Verdict::Met;
}

SequentialTest::Range SequentialTest::range(const Past& past) const {
  if (setup_.tight) return {least_difference_, most_difference_};
  const double width = past.most - past.least;
  return {std::max(least_difference_, past.least - width), std::min(most_difference_, past.most + width)};
}

void SequentialTest::play(LogCapital& bets, const Past& past, double difference, double sum, double direction) const {
  const auto seen = static_cast<double>(past.count), left = count_ - seen, expected = (sum - past.sum) / left;
  const Range range = this->range(past);
  const double width = range.high - range.low, room = direction > 0 ? range.high - expected : expected - range.low;
  if (!setup_.tight && (past.count < kLeast || width <= 0)) return;
  if (std::abs(room) * left <= slack_) return;
  if (room < 0) return setup_.tight ? bets.fill(kInfinity) : void();
  const double prior = setup_.tight ? kPriorCount : 0, mean = past.count > 0 ? past.sum / seen : 0;
  const double variance = (prior * kPriorShare * width * width / 4 + past.square - mean * past.sum) / (prior + seen);
  const double unit = std::sqrt(count_ / variance) / left, gain = direction * (expected - difference);
  for (std::size_t i = 0; i < bets.size(); ++i) {
    const double factor = 1 + std::min(kEffects[i] * unit, kMostOfRoom / room) * gain;
    bets[i] += factor > 0 ? std::log(factor) : -kInfinity;
  }
}

double SequentialTest::replayed(double sum, double direction) const {
  LogCapital bets{};
  Past past;
  for (const double difference : differences_) {
    play(bets, past, difference, sum, direction);
    past.push(difference);
  }
  return log_mean(bets);
}

bool SequentialTest::refuted(double sum, double direction) const {
  if (!(setup_.alpha > 0)) return false;
  const double capital = sum == wanted_ ? log_mean(direction > 0 ? missed_ : met_) : replayed(sum, direction);
  return capital >= -std::log(setup_.alpha);
}

double SequentialTest::limit(double from, double direction) const {
  const double end = direction > 0 ? certain_high_ : certain_low_;
  double step = std::max(slack_, std::sqrt(past_.square / static_cast<double>(past_.count) * count_)), inside = from;
  for (;; step *= 2) {
    const double next = from + direction * step;
    if (direction * (next - end) >= 0) return end;
    if (refuted(next, direction)) break;
    if (step > 1e12 * (1 + std::abs(from))) return end;
    inside = next;
  }
  double outside = from + direction * step;
  for (int i = 0; i < 20; ++i) {
    const double middle = (inside + outside) / 2;
    (refuted(middle, direction) ? outside : inside) = middle;
  }
  return outside;
}

MeanEstimate SequentialTest::estimate() const {
  const double fp32 = count_ * sign_ * setup_.target - wanted_;
  double middle = 0, low = certain_low_, high = certain_high_;
  if (past_.count > 0) {
    middle = std::clamp(past_.sum / static_cast<double>(past_.count) * count_, low, high);
    low = limit(middle, -1);
    high = limit(middle, 1);
  }
  MeanEstimate found{sign_ * (fp32 + middle) / count_, sign_ * (fp32 + low) / count_, sign_ * (fp32 + high) / count_};
  if (sign_ < 0) std::swap(found.low, found.high);
  return found;
}

double SequentialTest::standard_error() const noexcept {
  const auto n = static_cast<double>(differences_.size());
  if (n < 2) return 0;
  double squares = 0;
  for (const double difference : differences_) squares += std::pow(difference - past_.sum / n, 2);
  return std::sqrt(squares / (n - 1) / count_);
}

double decision_alpha(double total, std::int64_t number) noexcept {
  const auto n = static_cast<double>(number);
  return total / (n * (n + 1));
}

}  // namespace inc::eval
