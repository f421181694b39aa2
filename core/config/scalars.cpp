#include "core/config/scalars.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/text.h"

namespace inc::config {
namespace {

constexpr std::string_view kTrue[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::string_view kFalse[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
constexpr std::string_view kNull[] = {"", "~", "null", "Null", "NULL"};

template <std::size_t N>
bool is_in(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::optional<bool> as_bool(const std::string& text) {
  if (is_in(kTrue, text)) return true;
  if (is_in(kFalse, text)) return false;
  return std::nullopt;
}

template <class T>
std::optional<T> parsed(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool looks_numeric(std::string_view text) {
  const auto first = text.find_first_not_of("+-");
  return first != std::string_view::npos && first <= 1 &&
         (std::isdigit(static_cast<unsigned char>(text[first])) || text[first] == '.');
}

bool is_integer_text(std::string_view text) {
  const auto first = text.find_first_not_of("+-");
  return first <= 1 && text.find_first_not_of("0123456789", first) == std::string_view::npos;
}

std::optional<double> as_number(const std::string& text) {
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == "+.inf") return HUGE_VAL;
  if (text == "-.inf" || text == "-.Inf" || text == "-.INF") return -HUGE_VAL;
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::nan("");
  return looks_numeric(text) ? parsed<double>(text) : std::nullopt;
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  const bool commas = text.find(',') != std::string_view::npos;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(commas ? "," : " \t\r\n", begin), text.size());
    std::string part = trimmed(text.substr(begin, end - begin));
    if (commas || !part.empty()) parts.push_back(std::move(part));
    begin = end + 1;
  }
  if (parts.empty()) parts.emplace_back();
  return parts;
}

std::string shown(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::Null:
      return "nothing";
    case Tree::Kind::List:
      return "a list";
    case Tree::Kind::Map:
      return "a map";
    case Tree::Kind::Scalar:
      break;
  }
  constexpr std::size_t kMostShown = 60;
  const bool number_in_quotes = tree.quoted && as_number(tree.text).has_value();
  return fmt::format("{}'{}{}'", number_in_quotes ? "the text " : "", tree.text.substr(0, kMostShown),
                     tree.text.size() > kMostShown ? "…" : "");
}

std::string bounds(const Constraint& c) {
  if (std::isinf(c.max)) return fmt::format("{} {}", c.above_min ? "more than" : "at least", c.min);
  return c.min == c.max ? fmt::format("{}", c.min) : fmt::format("{} to {}", c.min, c.max);
}

void check_range(const At& at, double value, const Constraint& c) {
  if (std::isfinite(value) && value <= c.max && (c.above_min ? value > c.min : value >= c.min)) return;
  fail_at(at.tree.where, fmt::format("{}: out of range: {} (expected {})", at.path, at.tree.text,
                                     std::isinf(c.min) ? "a finite number" : bounds(c)));
}

/// The value itself, or the one that is read in its place.
std::string chosen(const At& at, const std::string& text, const Constraint& c) {
  if (c.choices.empty()) return text;
  std::vector<std::string> accepted;
  for (const auto& choice : c.choices) {
    if (choice.value == text) {
      if (!choice.accepted())
        fail_at(at.tree.where, fmt::format("{}: '{}' is not supported: {}", at.path, text, choice.refusal));
      if (!choice.refusal.empty())
        at.not_honoured.push_back({fmt::format("{}: {}", at.path, text),
                                   fmt::format("{} is used: {}", choice.instead, choice.refusal), at.tree.where});
      return std::string(choice.instead.empty() ? choice.value : choice.instead);
    }
    if (choice.refusal.empty() && choice.instead.empty()) accepted.emplace_back(choice.value);
  }
  const std::string guess = nearest(text, accepted);
  fail_at(at.tree.where, fmt::format("{}: unknown value {}; {}expected {}", at.path, shown(at.tree),
                                     guess.empty() ? "" : "did you mean '" + guess + "'? ", joined(accepted, " or ")));
}

std::int64_t integer_in(const At& at, const std::string& text, const Constraint& constraint) {
  const auto value = parsed<std::int64_t>(text);
  if (!value) {
    if (is_integer_text(text) && looks_numeric(text)) {
      fail_at(at.tree.where, fmt::format("{}: out of range: {} (expected {})", at.path, shown(at.tree), bounds(constraint)));
    }
    fail_type(at, "an integer");
  }
  check_range(at, static_cast<double>(*value), constraint);
  return *value;
}

/// The items of a list, or the parts of one text.
template <class Fn>
void each_item(const At& at, std::string_view expected, Fn&& fn) {
  if (at.tree.kind == Tree::Kind::List) {
    for (const auto& item : at.tree.items) {
      const At inner{item, at.path, at.not_honoured};
      if (item.kind != Tree::Kind::Scalar) fail_type(inner, expected);
      fn(inner, item.text);
    }
  } else if (at.tree.kind == Tree::Kind::Scalar) {
    for (const auto& part : split(at.tree.text)) fn(at, part);
  } else {
    fail_type(at, expected);
  }
}

Named named_of(const Entry& entry) {
  return {entry.key, parameter_of(entry.value), entry.where};
}

}  // namespace

void fail_type(const At& at, std::string_view expected) {
  fail_at(at.tree.where, fmt::format("{}: expected {}, found {}", at.path, expected, shown(at.tree)));
}

bool read_bool(const At& at) {
  const auto value = at.tree.kind == Tree::Kind::Scalar && !at.tree.quoted ? as_bool(at.tree.text) : std::nullopt;
  if (!value) fail_type(at, "True or False");
  return *value;
}

std::int64_t read_integer(const At& at, const Constraint& constraint) {
  if (at.tree.kind != Tree::Kind::Scalar || at.tree.quoted) fail_type(at, "an integer");
  return integer_in(at, at.tree.text, constraint);
}

double read_number(const At& at, const Constraint& constraint) {
  const std::string_view expected = constraint.percent ? "a number or a percentage" : "a number";
  if (at.tree.kind != Tree::Kind::Scalar) fail_type(at, expected);
  std::string text = at.tree.text;
  const bool percent = constraint.percent && text.ends_with('%');
  if (percent) text = trimmed(std::string_view(text).substr(0, text.size() - 1));
  if (at.tree.quoted && !constraint.percent) fail_type(at, expected);
  const auto value = as_number(text);
  if (!value) fail_type(at, expected);
  const double result = percent ? *value / 100 : *value;
  check_range(at, result, constraint);
  return result;
}

std::string read_text(const At& at, const Constraint& constraint) {
  if (at.tree.kind != Tree::Kind::Scalar) fail_type(at, "a text");
  return chosen(at, at.tree.text, constraint);
}

std::vector<std::string> read_texts(const At& at, const Constraint& constraint) {
  std::vector<std::string> result;
  if (at.tree.kind == Tree::Kind::Null) return result;
  each_item(at, "a list of texts", [&](const At& item, const std::string& text) {
    if (text.empty()) fail_type(item, "a list of texts");
    std::string value = chosen(item, text, constraint);
    if (std::find(result.begin(), result.end(), value) == result.end()) result.push_back(std::move(value));
  });
  return result;
}

std::vector<std::int64_t> read_integers(const At& at, const Constraint& constraint) {
  std::vector<std::int64_t> result;
  each_item(at, "a list of integers",
            [&](const At& item, const std::string& text) { result.push_back(integer_in(item, text, constraint)); });
  if (result.empty()) fail_type(at, "at least one integer");
  return result;
}

std::vector<double> read_numbers(const At& at, const Constraint& constraint) {
  std::vector<double> result;
  each_item(at, "a list of numbers", [&](const At& item, const std::string& text) {
    const auto value = as_number(text);
    if (!value) fail_type(item, "a number");
    check_range(item, *value, constraint);
    result.push_back(*value);
  });
  return result;
}

std::vector<bool> read_bools(const At& at) {
  std::vector<bool> result;
  each_item(at, "a list of True or False", [&](const At& item, const std::string& text) {
    const auto value = as_bool(text);
    if (!value) fail_type(item, "True or False");
    result.push_back(*value);
  });
  return result;
}

Named read_named(const At& at) {
  if (at.tree.kind == Tree::Kind::Scalar) return {at.tree.text, {{}, at.tree.where}, at.tree.where};
  if (at.tree.kind != Tree::Kind::Map) fail_type(at, "a name with parameters");
  if (at.tree.entries.size() != 1) {
    fail_at(at.tree.where, fmt::format("{}: expected one name with parameters, found {}", at.path, at.tree.entries.size()));
  }
  return named_of(at.tree.entries.front());
}

std::vector<Named> read_named_list(const At& at) {
  std::vector<Named> result;
  if (at.tree.kind == Tree::Kind::Null) return result;
  if (at.tree.kind != Tree::Kind::Map) fail_type(at, "a map of names with parameters");
  for (const auto& entry : at.tree.entries) result.push_back(named_of(entry));
  return result;
}

Parameter parameter_of(const Tree& tree) {
  Parameter result{{}, tree.where};
  if (tree.kind == Tree::Kind::List) {
    ParameterList list;
    for (const auto& item : tree.items) list.push_back(parameter_of(item));
    result.value = std::move(list);
  } else if (tree.kind == Tree::Kind::Map) {
    ParameterMap map;
    for (const auto& entry : tree.entries) map.emplace_back(entry.key, parameter_of(entry.value));
    result.value = std::move(map);
  } else if (tree.kind == Tree::Kind::Scalar) {
    if (tree.quoted) {
      result.value = tree.text;
    } else if (const auto flag = as_bool(tree.text)) {
      result.value = *flag;
    } else if (const auto integer = parsed<std::int64_t>(tree.text)) {
      result.value = *integer;
    } else if (const auto number = as_number(tree.text)) {
      result.value = *number;
    } else {
      result.value = tree.text;
    }
  }
  return result;
}

bool needs_quotes(const std::string& text) {
  return is_in(kNull, text) || as_bool(text).has_value() || parsed<std::int64_t>(text).has_value() ||
         as_number(text).has_value();
}

bool is_harmless(const Tree& tree, std::string_view harmless) {
  if (tree.kind != Tree::Kind::Scalar) return tree.empty();
  if (harmless.empty()) return tree.text.empty();
  if (tree.text == harmless) return true;
  const std::string wanted(harmless);
  const auto flag = as_bool(wanted);
  if (flag) return as_bool(tree.text) == flag;
  const auto number = as_number(wanted);
  return number && as_number(tree.text) == number;
}

}  // namespace inc::config
