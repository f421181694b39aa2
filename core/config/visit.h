#pragma once
// Kinds of members, for visitors over fields().
#include <optional>
#include <type_traits>
#include <utility>

#include "core/config/fields.h"

namespace inc::config {

struct Probe {
  template <class... Args>
  void operator()(Args&&...) {}
  void absent(std::string_view, std::string_view, std::string_view) {}
  void refused(std::string_view, std::string_view, std::string_view) {}
};

/// A struct with fields() of its own.
template <class T>
concept Section = std::is_class_v<T> && requires(Probe& probe, T& value) {
  fields(probe, value);
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// OpRules by operator type or name.
using RuleMap = std::vector<std::pair<std::string, OpRule>>;

}  // namespace inc::config
