#include "strategies/registry.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "strategies/auto.h"
#include "strategies/basic.h"
#include "strategies/bayesian.h"
#include "strategies/exhaustive.h"
#include "strategies/mse.h"
#include "strategies/random.h"
#include "strategies/tpe.h"

namespace inc::strategies {
namespace {

using Made = std::unique_ptr<const search::Strategy>;

constexpr std::array kRows{
    StrategyRow{"auto", "the fastest point, then a ladder of what each operator loses and saves (default)",
                [](const search::SearchSpace& space, const search::Knowledge& known) -> Made {
                  return std::make_unique<Auto>(space, known);
                }},
    StrategyRow{
        "basic", "fall back one by one, then accumulate by what each operator gains",
        [](const search::SearchSpace& space, const search::Knowledge&) -> Made { return std::make_unique<Basic>(space); }},
    StrategyRow{"bayesian", "expected improvement under two Gaussian processes, seeded",
                [](const search::SearchSpace& space, const search::Knowledge& known) -> Made {
                  return std::make_unique<Bayesian>(space, known.seed);
                }},
    StrategyRow{"exhaustive", "every point, in lexicographic order",
                [](const search::SearchSpace& space, const search::Knowledge&) -> Made {
                  return std::make_unique<Exhaustive>(space);
                }},
    StrategyRow{
        "mse", "fall back by each operator's measured error",
        [](const search::SearchSpace& space, const search::Knowledge&) -> Made { return std::make_unique<Mse>(space); }},
    StrategyRow{"random", "uniform without repetition, seeded",
                [](const search::SearchSpace& space, const search::Knowledge& known) -> Made {
                  return std::make_unique<Random>(space, known.seed);
                }},
    StrategyRow{"tpe", "draws options by how often they occur in good trials, seeded",
                [](const search::SearchSpace& space, const search::Knowledge& known) -> Made {
                  return std::make_unique<Tpe>(space, known.seed);
                }},
};

}  // namespace

std::span<const StrategyRow> registry() noexcept {
  return kRows;
}

std::unique_ptr<const search::Strategy> make(std::string_view name, const search::SearchSpace& space,
                                             const search::Knowledge& knowledge) {
  std::vector<std::string> names;
  for (const auto& row : kRows) {
    if (row.name == name) return row.make(space, knowledge);
    names.emplace_back(row.name);
  }
  throw ConfigError(
      fmt::format("unknown strategy '{}': expected one of {}{}", name, joined(names), did_you_mean(name, names)));
}

}  // namespace inc::strategies
