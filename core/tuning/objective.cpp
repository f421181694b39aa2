#include "core/tuning/objective.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace inc::tuning {
namespace {

Aim aim_of(std::string_view name) {
  if (name == "performance" || name == "latency") return Aim::Latency;
  if (name == "accuracy") return Aim::Accuracy;
  if (name == "modelsize") return Aim::ModelSize;
  if (name == "footprint") return Aim::Footprint;
  throw ConfigError(fmt::format("unknown objective '{}'", name));
}

double figure_of(const Figures& figures, Aim aim) {
  switch (aim) {
    case Aim::Latency:
      return figures.latency_ms;
    case Aim::ModelSize:
      return figures.model_bytes;
    case Aim::Footprint:
      return figures.footprint_bytes;
    case Aim::Accuracy:
      break;
  }
  return 0;
}

}  // namespace

Objective::Objective(const config::Tuning& config, const Criterion& criterion, const Figures& fp32)
    : criterion_(criterion), fp32_(fp32) {
  if (!config.multi_objectives) {
    terms_ = {{aim_of(config.objective), 1}};
    text_ = config.objective;
    return;
  }
  const auto& names = config.multi_objectives->objective;
  std::vector<double> weights = config.multi_objectives->weight;
  if (weights.empty()) weights.assign(names.size(), 1);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (weights.size() != names.size() || !(sum > 0)) throw ConfigError("multi_objectives: weights do not fit the objectives");
  for (std::size_t i = 0; i < names.size(); ++i) {
    terms_.push_back({aim_of(names[i]), weights[i] / sum});
    text_ += fmt::format("{}{:.3g} {}", i == 0 ? "" : " + ", weights[i] / sum, names[i]);
  }
  text_ += ", each over FP32's";
}

double Objective::weighed(const Figures& figures, double loss) const {
  const auto value = [&](Aim aim) { return aim == Aim::Accuracy ? loss : figure_of(figures, aim); };
  if (terms_.size() == 1) return value(terms_.front().aim);
  double sum = 0;
  for (const auto& [aim, weight] : terms_) {
    const double of = figure_of(fp32_, aim);
    sum += weight * (aim == Aim::Accuracy ? 1 + value(aim) : of > 0 ? value(aim) / of : 1);
  }
  return sum;
}

bool Objective::aims_at(Aim aim) const noexcept {
  return std::any_of(terms_.begin(), terms_.end(), [&](const Term& term) { return term.aim == aim; });
}

}  // namespace inc::tuning
