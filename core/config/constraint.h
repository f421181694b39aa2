#pragma once
// What may be said about a field besides its name and doc.
#include <limits>
#include <span>
#include <string_view>

namespace inc::config {

struct Choice {
  std::string_view value;
  std::string_view refusal = {};  ///< INC knows the value, this product does not honour it: why not
  std::string_view instead = {};  ///< the value that is read in its place; none: the value is an error

  bool accepted() const { return refusal.empty() || !instead.empty(); }
};

struct Constraint {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;             ///< min itself is not allowed
  bool percent = false;               ///< also written "1%"
  std::span<const Choice> choices{};  ///< texts, and each item of lists of texts
  bool pattern_keys = false;          ///< the keys of this map are regular expressions
};

inline Constraint at_least(double min) {
  return {.min = min};
}
inline Constraint above(double min) {
  return {.min = min, .above_min = true};
}
inline Constraint between(double min, double max) {
  return {.min = min, .max = max};
}
inline Constraint one_of(std::span<const Choice> choices) {
  return {.choices = choices};
}

}  // namespace inc::config
