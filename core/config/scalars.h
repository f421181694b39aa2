#pragma once
// Typed values from tree nodes. Each throws ConfigError "place: path: expected …, found …".
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/constraint.h"
#include "core/config/tree.h"

namespace inc::config {

/// A node and its key path, for messages.
struct At {
  const Tree& tree;
  const std::string& path;
  std::vector<NotHonoured>& not_honoured;
};

[[noreturn]] void fail_type(const At& at, std::string_view expected);

bool read_bool(const At& at);
std::int64_t read_integer(const At& at, const Constraint& constraint);
double read_number(const At& at, const Constraint& constraint);
std::string read_text(const At& at, const Constraint& constraint);
/// A list of texts, one text, or several separated by commas or blanks; of equal ones the first.
std::vector<std::string> read_texts(const At& at, const Constraint& constraint);
/// A list of integers, one integer, or several separated by commas; not empty.
std::vector<std::int64_t> read_integers(const At& at, const Constraint& constraint);
/// The same of numbers, and of True or False.
std::vector<double> read_numbers(const At& at, const Constraint& constraint);
std::vector<bool> read_bools(const At& at);
/// `Name: parameters` (a map of one entry), or just the name.
Named read_named(const At& at);
std::vector<Named> read_named_list(const At& at);

/// A plain scalar in YAML 1.1's reading: null, bool, integer, number or text.
Parameter parameter_of(const Tree& tree);
/// Whether a plain text would be read as something else than text.
bool needs_quotes(const std::string& text);
/// Whether the node is empty or says the same as `harmless`.
bool is_harmless(const Tree& tree, std::string_view harmless);

}  // namespace inc::config
