#pragma once
// Environment variables in values.
#include <string>

namespace inc::config {

/// Replaces ${VAR} and ${VAR:-default} (used when VAR is unset or empty; may itself hold variables); "$${" stands for a
/// literal "${". What a variable holds is not expanded again. Throws ConfigError at `where` for an unset variable without
/// default, a name that is none, a missing '}' or more than 8 nested defaults.
std::string expand_variables(const std::string& text, const std::string& where);

/// The text that expand_variables turns back into `text`.
std::string escape_variables(const std::string& text);

}  // namespace inc::config
