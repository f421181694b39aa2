#include "core/tuning/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "core/base/text.h"
#include "core/ops/ops.h"

namespace inc::tuning {
namespace {

using quant::OpConfig;
using quant::Precision;
using quant::Scheme;

/// What the rules leave to one operator.
struct Allowed {
  std::vector<Scheme> activations, weights;
  std::string fp32_because;
};

class Rules {
 public:
  explicit Rules(const SpaceOptions& options) : options_(options) {
    for (const auto& rule : options.rules) patterns_.push_back(compiled(rule.name_regex));
  }

  Allowed allowed(const ir::Node& node) const {
    Allowed out{options_.activations, options_.weights, {}};
    for (std::size_t i = 0; i < options_.rules.size(); ++i) {
      const auto& rule = options_.rules[i];
      if (!rule.op_type.empty() && rule.op_type != ops::reported_type(node)) continue;
      if (!rule.name_regex.empty() && rule.name_regex != node.name && !std::regex_match(node.name, patterns_[i])) continue;
      out.fp32_because = rule.fp32_only ? "kept in FP32 by the configuration (" + described(rule) + ")" : "";
      if (!rule.activations.empty()) out.activations = rule.activations;
      if (!rule.weights.empty()) out.weights = rule.weights;
    }
    return out;
  }

 private:
  static std::regex compiled(const std::string& text) {
    try {
      return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& e) {
      throw ConfigError(
          fmt::format("operator name pattern: '{}' found, a regular expression expected ({})", text, e.what()));
    }
  }
  static std::string described(const SpaceOptions::Rule& rule) {
    if (rule.op_type.empty() && rule.name_regex.empty()) return "all operators";
    if (rule.name_regex.empty()) return fmt::format("operator type {}", rule.op_type);
    if (rule.op_type.empty()) return fmt::format("operator name {}", rule.name_regex);
    return fmt::format("operator type {}, name {}", rule.op_type, rule.name_regex);
  }

  const SpaceOptions& options_;
  std::vector<std::regex> patterns_;
};

void append_differences(std::vector<std::string>& parts, const Scheme& scheme, const Scheme& usual,
                        std::string_view prefix) {
  const auto add = [&](std::string_view word) { parts.push_back(std::string(prefix).append(word)); };
  if (scheme.dtype != usual.dtype) add(inc::name_of(scheme.dtype));
  if (scheme.symmetry != usual.symmetry) add(quant::name_of(scheme.symmetry));
  if (scheme.granularity != usual.granularity) add(quant::name_of(scheme.granularity));
  if (scheme.range != usual.range) add(quant::name_of(scheme.range));
  if (scheme.bound != usual.bound) add(quant::name_of(scheme.bound));
}

/// "int8", followed by what differs from the operator's first choice: "int8:sym", "int8:sym:weight_per_tensor".
std::string label_of(const OpConfig& config, const OpConfig& usual) {
  std::vector<std::string> parts{std::string(quant::name_of(config.precision))};
  append_differences(parts, config.activation, usual.activation, "");
  append_differences(parts, config.weight, usual.weight, "weight_");
  return joined(parts, ":");
}

void add_dimension(TuningSpace& space, const ir::Node& node, std::vector<OpConfig> options) {
  search::Dimension dimension{node.name, ops::reported_type(node), {}};
  for (const OpConfig& option : options) dimension.options.push_back(label_of(option, options.front()));
  options.push_back(OpConfig{});
  dimension.options.emplace_back(quant::name_of(Precision::Fp32));
  space.shape.dims.push_back(std::move(dimension));
  space.nodes.push_back(node.id);
  space.options.push_back(std::move(options));
}

}  // namespace

TuningSpace build_space(const ir::Graph& fused, const runtime::Adaptor& adaptor, const SpaceOptions& options) {
  const Rules rules(options);
  TuningSpace space;
  for (const ir::NodeId id : fused.topological_order()) {
    const ir::Node& node = fused.node(id);
    const ops::OpInfo* info = ops::find(node.op);
    if (info == nullptr || info->quant != ops::QuantRole::Anchor) continue;
    if (const Support s = quant::quantizable(fused, node); !s) {
      space.kept_fp32.emplace(id, s.why_not());
      continue;
    }
    const Allowed allowed = rules.allowed(node);
    if (!allowed.fp32_because.empty()) {
      space.kept_fp32.emplace(id, allowed.fp32_because);
      continue;
    }
    std::vector<OpConfig> choices;
    std::string refusal = "the configuration allows no INT8 scheme";
    for (const Scheme& weight : allowed.weights)
      for (const Scheme& activation : allowed.activations) {
        const OpConfig config{Precision::Int8, activation, weight};
        const Support s = adaptor.supports(fused, id, config);
        if (s && std::find(choices.begin(), choices.end(), config) == choices.end()) choices.push_back(config);
        if (!s) refusal = s.why_not();
      }
    if (choices.empty())
      space.kept_fp32.emplace(id, refusal);
    else
      add_dimension(space, node, std::move(choices));
  }
  return space;
}

quant::QuantConfig TuningSpace::decode(const search::Point& point) const {
  INC_CHECK(point.size() == options.size(), "a point has one index per dimension");
  quant::QuantConfig config;
  for (std::size_t i = 0; i < point.size(); ++i) {
    INC_CHECK(point[i] < options[i].size(), "a point's index is an option");
    config.ops.emplace(nodes[i], options[i][point[i]]);
  }
  return config;
}

}  // namespace inc::tuning
