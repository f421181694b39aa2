#pragma once
// Typed access to the parameters of one named thing (data set, transform, metric). Every fault is a ConfigError that begins
// with the place in the file and says what was found and what was expected.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/dtype.h"
#include "core/config/config.h"

namespace inc::eval {

class Parameters {
 public:
  /// `owner` is for messages: "data set CIFAR10". With a `shorthand`, a scalar or list stands for {shorthand: value}.
  Parameters(std::string owner, const config::Named& named, std::string_view shorthand = {});

  bool has(std::string_view name);
  /// Without a fallback the parameter is required.
  std::int64_t integer(std::string_view name, std::optional<std::int64_t> fallback = std::nullopt);
  double number(std::string_view name, std::optional<double> fallback = std::nullopt);
  bool flag(std::string_view name, std::optional<bool> fallback = std::nullopt);
  std::string text(std::string_view name, std::optional<std::string> fallback = std::nullopt);
  /// One of `options`.
  std::string choice(std::string_view name, std::span<const std::string_view> options, std::string fallback);
  /// numpy's names ("float32", "int64") or ONNX's ("float").
  DType dtype(std::string_view name, std::optional<DType> fallback = std::nullopt);
  /// A list; a scalar counts as a list of one.
  std::vector<std::int64_t> integers(std::string_view name,
                                     std::optional<std::vector<std::int64_t>> fallback = std::nullopt);
  std::vector<double> numbers(std::string_view name, std::optional<std::vector<double>> fallback = std::nullopt);
  std::vector<std::string> texts(std::string_view name, std::optional<std::vector<std::string>> fallback = std::nullopt);
  /// A map of texts, in file order.
  std::vector<std::pair<std::string, std::string>> text_map(std::string_view name);
  /// A map of integers, in file order.
  std::vector<std::pair<std::string, std::int64_t>> integer_map(std::string_view name);
  /// A number, a list of numbers, or numpy's way to write evenly spaced ones, "first:step:last", the last included.
  std::vector<double> spaced_numbers(std::string_view name, std::vector<double> fallback);
  /// A list of integers, or a list of such lists.
  std::vector<std::vector<std::int64_t>> shapes(std::string_view name);
  /// A positive integer n as {n, n}, or a list of one or two.
  std::pair<std::int64_t, std::int64_t> pair_of_sizes(std::string_view name);

  /// ConfigError about parameter `name`: "<place>: <name> of <owner> is not valid: <found> found, <expected> expected".
  [[noreturn]] void refuse(std::string_view name, const std::string& found, const std::string& expected);
  /// Refuses parameters that nothing above has asked for.
  void finish() const;
  const std::string& owner() const noexcept { return owner_; }
  const std::string& where() const noexcept { return where_; }

 private:
  const config::Parameter* find(std::string_view name);
  const config::Parameter& require(std::string_view name);
  [[noreturn]] void wrong_type(std::string_view name, const config::Parameter& value, std::string_view expected);
  std::int64_t to_integer(std::string_view name, const config::Parameter& value);
  double to_number(std::string_view name, const config::Parameter& value);
  std::string to_text(std::string_view name, const config::Parameter& value);

  std::string owner_, where_;
  config::ParameterMap values_;
  std::vector<std::string> known_;
};

/// "float32" and its like, or an ONNX name.
std::optional<DType> dtype_from_numpy_name(std::string_view name) noexcept;

}  // namespace inc::eval
