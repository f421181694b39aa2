#include "core/eval/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/base/text.h"

namespace inc::eval {
namespace {

std::string prefix(const std::string& where) {
  return where.empty() ? "" : where + ": ";
}

struct Describe {
  std::string operator()(std::monostate) const { return "nothing"; }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
  std::string operator()(double v) const { return fmt::format("{}", v); }
  std::string operator()(const std::string& v) const { return "'" + v + "'"; }
  std::string operator()(const config::ParameterList& v) const { return fmt::format("a list of {}", v.size()); }
  std::string operator()(const config::ParameterMap& v) const { return fmt::format("a map of {}", v.size()); }
};

std::string describe(const config::Parameter& value) {
  return std::visit(Describe{}, value.value);
}

config::ParameterList as_list(const config::Parameter& value) {
  if (const auto* list = std::get_if<config::ParameterList>(&value.value)) return *list;
  return {value};
}

}  // namespace

std::optional<DType> dtype_from_numpy_name(std::string_view name) noexcept {
  if (name == "float32") return DType::Float;
  if (name == "float64") return DType::Double;
  return dtype_from_name(name);
}

Parameters::Parameters(std::string owner, const config::Named& named, std::string_view shorthand)
    : owner_(std::move(owner)), where_(named.where.empty() ? named.parameter.where : named.where) {
  const auto& value = named.parameter.value;
  if (std::holds_alternative<std::monostate>(value)) return;
  if (const auto* map = std::get_if<config::ParameterMap>(&value)) {
    values_ = *map;
  } else if (!shorthand.empty()) {
    values_.emplace_back(std::string(shorthand), named.parameter);
  } else {
    throw ConfigError(fmt::format("{}parameters of {} have the wrong type: {} found, a map expected", prefix(where_), owner_,
                                  describe(named.parameter)));
  }
}

const config::Parameter* Parameters::find(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.emplace_back(name);
  for (const auto& [key, value] : values_)
    if (key == name) return &value;
  return nullptr;
}

bool Parameters::has(std::string_view name) {
  return find(name) != nullptr;
}

const config::Parameter& Parameters::require(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr)
    throw ConfigError(fmt::format("{}{} of {} is missing: a value expected", prefix(where_), name, owner_));
  return *value;
}

void Parameters::wrong_type(std::string_view name, const config::Parameter& value, std::string_view expected) {
  throw ConfigError(fmt::format("{}{} of {} has the wrong type: {} found, {} expected",
                                prefix(value.where.empty() ? where_ : value.where), name, owner_, describe(value),
                                expected));
}

void Parameters::refuse(std::string_view name, const std::string& found, const std::string& expected) {
  const auto* value = find(name);
  const std::string& place = value != nullptr && !value->where.empty() ? value->where : where_;
  throw ConfigError(
      fmt::format("{}{} of {} is not valid: {} found, {} expected", prefix(place), name, owner_, found, expected));
}

std::int64_t Parameters::to_integer(std::string_view name, const config::Parameter& value) {
  if (const auto* v = std::get_if<std::int64_t>(&value.value)) return *v;
  wrong_type(name, value, "an integer");
}

double Parameters::to_number(std::string_view name, const config::Parameter& value) {
  if (const auto* v = std::get_if<double>(&value.value)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&value.value)) return static_cast<double>(*v);
  wrong_type(name, value, "a number");
}

std::string Parameters::to_text(std::string_view name, const config::Parameter& value) {
  if (const auto* v = std::get_if<std::string>(&value.value)) return *v;
  wrong_type(name, value, "a text");
}

std::int64_t Parameters::integer(std::string_view name, std::optional<std::int64_t> fallback) {
  if (fallback && !has(name)) return *fallback;
  return to_integer(name, require(name));
}

double Parameters::number(std::string_view name, std::optional<double> fallback) {
  if (fallback && !has(name)) return *fallback;
  return to_number(name, require(name));
}

bool Parameters::flag(std::string_view name, std::optional<bool> fallback) {
  if (fallback && !has(name)) return *fallback;
  const auto& value = require(name);
  if (const auto* v = std::get_if<bool>(&value.value)) return *v;
  wrong_type(name, value, "true or false");
}

std::string Parameters::text(std::string_view name, std::optional<std::string> fallback) {
  if (fallback && !has(name)) return *fallback;
  return to_text(name, require(name));
}

std::string Parameters::choice(std::string_view name, std::span<const std::string_view> options, std::string fallback) {
  std::string value = text(name, std::move(fallback));
  if (std::find(options.begin(), options.end(), value) != options.end()) return value;
  const std::vector<std::string> words(options.begin(), options.end());
  refuse(name, "'" + value + "'" + did_you_mean(value, words), "one of " + joined(words));
}

DType Parameters::dtype(std::string_view name, std::optional<DType> fallback) {
  if (fallback && !has(name)) return *fallback;
  const std::string word = text(name);
  if (const auto dtype = dtype_from_numpy_name(word)) return *dtype;
  refuse(name, "'" + word + "'", "an element type such as float32, uint8 or int64");
}

std::vector<std::int64_t> Parameters::integers(std::string_view name, std::optional<std::vector<std::int64_t>> fallback) {
  if (fallback && !has(name)) return *fallback;
  std::vector<std::int64_t> result;
  for (const auto& item : as_list(require(name))) result.push_back(to_integer(name, item));
  return result;
}

std::vector<double> Parameters::numbers(std::string_view name, std::optional<std::vector<double>> fallback) {
  if (fallback && !has(name)) return *fallback;
  std::vector<double> result;
  for (const auto& item : as_list(require(name))) result.push_back(to_number(name, item));
  return result;
}

std::vector<std::string> Parameters::texts(std::string_view name, std::optional<std::vector<std::string>> fallback) {
  if (fallback && !has(name)) return *fallback;
  std::vector<std::string> result;
  for (const auto& item : as_list(require(name))) result.push_back(to_text(name, item));
  return result;
}

std::vector<std::pair<std::string, std::string>> Parameters::text_map(std::string_view name) {
  const auto& value = require(name);
  const auto* map = std::get_if<config::ParameterMap>(&value.value);
  if (map == nullptr || map->empty()) wrong_type(name, value, "a map of names to texts");
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& [key, item] : *map) result.emplace_back(key, to_text(name, item));
  return result;
}

std::vector<std::pair<std::string, std::int64_t>> Parameters::integer_map(std::string_view name) {
  const auto& value = require(name);
  const auto* map = std::get_if<config::ParameterMap>(&value.value);
  if (map == nullptr || map->empty()) wrong_type(name, value, "a map of names to integers");
  std::vector<std::pair<std::string, std::int64_t>> result;
  for (const auto& [key, item] : *map) result.emplace_back(key, to_integer(name, item));
  return result;
}

std::vector<double> Parameters::spaced_numbers(std::string_view name, std::vector<double> fallback) {
  if (!has(name)) return fallback;
  const auto* word = std::get_if<std::string>(&require(name).value);
  if (word == nullptr) return numbers(name);
  std::array<double, 3> parts{};
  const char *at = word->data(), *const end = at + word->size();
  const auto wrong = [&] { refuse(name, "'" + *word + "'", "numbers, or first:step:last"); };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto parsed = std::from_chars(at, end, parts[i]);
    at = parsed.ptr;
    if (parsed.ec != std::errc{}) wrong();
    if (i == 0 && at == end) return {parts[0]};
    if (i < 2 ? at == end || *at++ != ':' : at != end) wrong();
  }
  const auto [first, step, last] = parts;
  const double count = std::round((last - first) / step) + 1;
  if (!(step > 0) || !(count >= 1 && count <= 1000)) wrong();
  std::vector<double> result;
  for (double i = 0; i < count; ++i) result.push_back(first + (last - first) * (count > 1 ? i / (count - 1) : 0.0));
  return result;
}

std::vector<std::vector<std::int64_t>> Parameters::shapes(std::string_view name) {
  const auto& value = require(name);
  const auto list = as_list(value);
  if (list.empty()) wrong_type(name, value, "a list of integers or a list of such lists");
  std::vector<std::vector<std::int64_t>> result;
  if (!std::holds_alternative<config::ParameterList>(list.front().value)) return {integers(name)};
  for (const auto& item : list) {
    auto& shape = result.emplace_back();
    for (const auto& dimension : as_list(item)) shape.push_back(to_integer(name, dimension));
  }
  return result;
}

std::pair<std::int64_t, std::int64_t> Parameters::pair_of_sizes(std::string_view name) {
  const auto list = integers(name);
  const bool positive = std::all_of(list.begin(), list.end(), [](std::int64_t v) { return v > 0 && v <= 65535; });
  if (list.empty() || list.size() > 2 || !positive)
    refuse(name, fmt::format("[{}]", fmt::join(list, ", ")), "one or two integers in 1..65535");
  return {list.front(), list.back()};
}

void Parameters::finish() const {
  for (const auto& [key, value] : values_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string place = prefix(value.where.empty() ? where_ : value.where);
    if (known_.empty()) throw ConfigError(fmt::format("{}{} takes no parameters: '{}' found", place, owner_, key));
    throw ConfigError(fmt::format("{}unknown parameter of {}: '{}' found{}, one of {} expected", place, owner_, key,
                                  did_you_mean(key, known_), joined(known_)));
  }
}

}  // namespace inc::eval
