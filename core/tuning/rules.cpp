#include "core/tuning/rules.h"

#include <fmt/format.h>

#include "core/ops/ops.h"

namespace inc::tuning {
namespace {

template <class T>
void take(std::vector<T>& mine, const std::vector<T>& other) {
  if (!other.empty()) mine = other;
}

template <class T>
std::vector<T> or_usual(const std::vector<T>& given, T usual) {
  return given.empty() ? std::vector<T>{usual} : given;
}

std::regex compiled(const std::string& text) {
  try {
    return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& e) {
    throw ConfigError(fmt::format("operator name pattern: '{}' found, a regular expression expected ({})", text, e.what()));
  }
}

std::string described(const SpaceOptions::Rule& rule) {
  if (rule.op_type.empty() && rule.name_regex.empty()) return "all operators";
  if (rule.name_regex.empty()) return fmt::format("operator type {}", rule.op_type);
  if (rule.op_type.empty()) return fmt::format("operator name {}", rule.name_regex);
  return fmt::format("operator type {}, name {}", rule.op_type, rule.name_regex);
}

}  // namespace

void TensorLimits::narrow(const TensorLimits& other) {
  take(dtypes, other.dtypes);
  take(symmetries, other.symmetries);
  take(granularities, other.granularities);
  take(methods, other.methods);
  take(bounds, other.bounds);
}

std::vector<quant::Scheme> TensorLimits::schemes(const quant::Scheme& usual) const {
  std::vector<quant::Scheme> all;
  for (const auto bound : or_usual(bounds, usual.bound))
    for (const auto dtype : or_usual(dtypes, usual.dtype))
      for (const auto symmetry : or_usual(symmetries, usual.symmetry))
        for (const auto granularity : or_usual(granularities, usual.granularity))
          for (const auto method : or_usual(methods, usual.range))
            all.push_back({dtype, symmetry, granularity, method, bound});
  return all;
}

Rules::Rules(const SpaceOptions& options) : options_(options) {
  for (const auto& rule : options.rules) patterns_.push_back(compiled(rule.name_regex));
}

Allowed Rules::allowed(const ir::Node& node) const {
  Allowed out{options_.activation, options_.weight, options_.int8, options_.bf16, {}};
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    const auto& rule = options_.rules[i];
    if (!rule.op_type.empty() && rule.op_type != ops::reported_type(node)) continue;
    if (!rule.name_regex.empty() && rule.name_regex != node.name && !std::regex_match(node.name, patterns_[i])) continue;
    if (rule.int8) {
      out.int8 = *rule.int8 && options_.int8;
      out.why_not_int8 = *rule.int8 ? "" : fmt::format("kept out of INT8 by the configuration ({})", described(rule));
    }
    if (rule.bf16) out.bf16 = *rule.bf16 && options_.bf16;
    out.activation.narrow(rule.activation);
    out.weight.narrow(rule.weight);
  }
  return out;
}

}  // namespace inc::tuning
