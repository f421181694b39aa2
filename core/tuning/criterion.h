#pragma once
// When a result is good enough.
#include <string>

#include "core/config/config.h"

namespace inc::tuning {

/// The accuracy target, resolved against a baseline.
class Criterion {
 public:
  /// `higher_is_better` is the metric's direction. Neither relative nor absolute given: relative 0.01, as INC does.
  Criterion(const config::AccuracyCriterion& config, bool higher_is_better, double baseline);
  /// Relative or absolute loss, whichever the criterion is about; > 0 is worse than the baseline.
  double loss(double accuracy) const noexcept;
  bool met(double accuracy) const noexcept;
  /// The loss that just meets the target.
  double allowed() const noexcept { return allowed_; }
  /// The accuracy at which the target is just met.
  double threshold() const noexcept;
  /// Always (baseline - accuracy) / |baseline|, oriented; for the report.
  double relative_loss(double accuracy) const noexcept;
  /// "relative loss at most 0.01: at least 0.9064".
  std::string describe() const;

 private:
  double baseline_, allowed_;
  bool relative_, higher_;
};

}  // namespace inc::tuning
