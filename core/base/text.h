#pragma once
// Small text helpers for messages.
#include <span>
#include <string>
#include <string_view>

namespace inc {

/// The candidate nearest to `word` by edit distance, or empty when none is near enough to be a likely slip.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// " (did you mean 'x'?)" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// "a, b, c".
std::string joined(std::span<const std::string> parts, std::string_view separator = ", ");

}  // namespace inc
