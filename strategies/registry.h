#pragma once
// Strategies by name. The list is explicit; every row is run through the contract suite.
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/search/search.h"

namespace inc::strategies {

struct StrategyRow {
  std::string_view name;
  std::string_view summary;  ///< one line for `inc-cpp list strategies`
  std::unique_ptr<const search::Strategy> (*make)(const search::SearchSpace& space, const search::Knowledge& knowledge);
};
std::span<const StrategyRow> registry() noexcept;

/// Throws ConfigError with the known names and a suggestion.
std::unique_ptr<const search::Strategy> make(std::string_view name, const search::SearchSpace& space,
                                             const search::Knowledge& knowledge);

}  // namespace inc::strategies
