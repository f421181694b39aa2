#include "core/tuning/criterion.h"

#include <fmt/format.h>

#include <cmath>

namespace inc::tuning {
namespace {

// A candidate that equals the threshold up to rounding meets it.
constexpr double kSlack = 1e-12;

}  // namespace

Criterion::Criterion(const config::AccuracyCriterion& config, bool higher_is_better, double baseline)
    : baseline_(baseline),
      allowed_(config.absolute ? *config.absolute : config.relative.value_or(0.01)),
      relative_(!config.absolute),
      higher_(higher_is_better) {}

double Criterion::loss(double accuracy) const noexcept {
  const double drop = higher_ ? baseline_ - accuracy : accuracy - baseline_;
  return relative_ && baseline_ != 0 ? drop / std::abs(baseline_) : drop;
}

bool Criterion::met(double accuracy) const noexcept {
  return loss(accuracy) <= allowed_ + kSlack;
}

double Criterion::threshold() const noexcept {
  const double drop = relative_ && baseline_ != 0 ? allowed_ * std::abs(baseline_) : allowed_;
  return higher_ ? baseline_ - drop : baseline_ + drop;
}

double Criterion::relative_loss(double accuracy) const noexcept {
  const double drop = higher_ ? baseline_ - accuracy : accuracy - baseline_;
  return baseline_ != 0 ? drop / std::abs(baseline_) : drop;
}

std::string Criterion::describe() const {
  return fmt::format("{} loss at most {:g}: {} {:.6g}", relative_ ? "relative" : "absolute", allowed_,
                     higher_ ? "at least" : "at most", threshold());
}

}  // namespace inc::tuning
