#include "strategies/belief.h"

#include <algorithm>
#include <cmath>

#include "strategies/math/gaussian_process.h"

namespace inc::strategies {
namespace {

constexpr double kMisfit = 0.1, kLeast = 1e-12;
struct Power {
  double power, weight;
};
constexpr double kLucks[] = {0.35, 0.5, 0.7, 1};
constexpr Power kPowers[] = {{1, 0.15}, {1.5, 0.2}, {2, 0.3}, {2.5, 0.2}, {3, 0.15}};
/// Losses at the largest divergence seen, from a thirtieth of what is allowed to a thousand times as much.
constexpr int kScales = 80;

}  // namespace

Belief::Belief(std::span<const Seen> seen, double allowed) : allowed_(std::max(allowed, kLeast)) {
  double widest = kLeast;
  for (const Seen& one : seen) widest = std::max(widest, one.divergence);
  error_at_ = widest;
  for (const Seen& one : seen) {
    if (one.divergence <= 0 || one.divergence > error_at_) continue;
    error_at_ = one.divergence;
    error_ = one.error;
  }
  double total = 0;
  for (const Power& p : kPowers)
    for (int k = 0; k < kScales * std::ssize(kLucks); ++k) {
      const double at_widest = allowed_ / 30 * std::pow(30000.0, static_cast<double>(k % kScales) / (kScales - 1));
      Curve curve{p.power, at_widest / std::pow(widest, p.power), kLucks[k / kScales], p.weight};
      double fit = 0;
      for (const Seen& one : seen) {
        const double loss = curve.scale * std::pow(std::max(one.divergence, kLeast), curve.power);
        const double deviation = std::hypot(kMisfit * loss, curve.luck * one.error) + 1e-3 * allowed_;
        fit -= 0.5 * std::pow((one.loss - loss) / deviation, 2) + std::log(deviation);
      }
      curve.weight *= std::exp(std::clamp(fit, -600.0, 600.0));
      total += curve.weight;
      curves_.push_back(curve);
    }
  if (!(total > 0)) return;
  for (Curve& curve : curves_) curve.weight /= total;
  std::erase_if(curves_, [](const Curve& curve) { return curve.weight < 1e-4; });
}

double Belief::spread(double divergence, const Curve& curve, double loss) const {
  const double noise = curve.luck * error_ * std::pow(std::max(divergence, kLeast) / std::max(error_at_, kLeast), 0.25);
  return std::hypot(kMisfit * loss, noise) + 1e-3 * allowed_;
}

double Belief::chance(double divergence) const {
  double chance = 0;
  for (const Curve& curve : curves_) {
    const double loss = curve.scale * std::pow(std::max(divergence, 0.0), curve.power);
    chance += curve.weight * probability_below({loss, spread(divergence, curve, loss)}, allowed_);
  }
  return chance;
}

}  // namespace inc::strategies
