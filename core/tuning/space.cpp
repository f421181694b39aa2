#include "core/tuning/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text.h"
#include "core/ops/ops.h"
#include "core/quant/attention.h"
#include "core/quant/placement.h"

namespace inc::tuning {
namespace {

using quant::OpConfig;
using quant::Precision;
using quant::Scheme;
using quant::Smoothing;

constexpr std::int64_t kWide = 16;  ///< numbers of a query

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
  if (config.precision != Precision::Int8) return parts.front();
  if (config.dynamic != usual.dynamic) parts.emplace_back(config.dynamic ? "dynamic" : "static");
  append_differences(parts, config.activation, usual.activation, "");
  append_differences(parts, config.weight, usual.weight, "weight_");
  if (config.smoothing != usual.smoothing || config.alpha != usual.alpha) {
    parts.emplace_back(quant::name_of(config.smoothing));
    if (config.smoothing == Smoothing::SmoothQuant && config.alpha != OpConfig::kAutomaticAlpha)
      parts.push_back(fmt::format("{}", config.alpha));
  }
  return joined(parts, ":");
}

OpConfig without_smoothing(OpConfig config) {
  config.smoothing = Smoothing::None;
  return config;
}

std::vector<bool> approaches(const ir::Node& node, Approach approach) {
  const bool matrix = ops::reported_type(node) != "Conv";
  if (approach == Approach::Static) return {false};
  if (approach == Approach::Dynamic) return {true};
  return matrix ? std::vector<bool>{false, true} : std::vector<bool>{false};
}

/// Every combination of what is allowed, the operator's default first.
std::vector<OpConfig> combinations(const ir::Graph& graph, const ir::Node& node, const Allowed& allowed,
                                   const SpaceOptions& options) {
  OpConfig usual = quant::default_op_config(graph, node);
  const auto& smoothing = ops::reported_type(node) == "Conv" ? options.conv_smoothing : options.matrix_smoothing;
  std::vector<OpConfig> all;
  for (const bool dynamic : approaches(node, options.approach))
    for (const Scheme& weight : allowed.weight.schemes(usual.weight))
      for (const Scheme& activation : allowed.activation.schemes(usual.activation))
        for (const SmoothingChoice& choice : smoothing) {
          const bool smooth = !dynamic && activation.granularity == quant::Granularity::PerTensor;
          OpConfig config{Precision::Int8, activation, weight, dynamic};
          config.smoothing = smooth ? choice.kind : Smoothing::None;
          config.alpha = config.smoothing == Smoothing::SmoothQuant ? choice.alpha : OpConfig::kAutomaticAlpha;
          if (std::find(all.begin(), all.end(), config) == all.end()) all.push_back(config);
        }
  return all;
}

class SpaceBuilder {
 public:
  SpaceBuilder(const ir::Graph& graph, const runtime::Adaptor& adaptor, const SpaceOptions& options)
      : graph_(graph), adaptor_(adaptor), options_(options), rules_(options) {
    const auto anchors = quant::quantizable_nodes(graph);
    if (!anchors.empty() && !options.first_anchor) closed_.emplace(anchors.front(), "first");
    if (options.attentions != Attentions::None)
      for (const quant::Attention& attention : quant::attentions(graph)) {
        if (options.attentions == Attentions::Wide && !is_wide(attention)) continue;
        if (!rules_.allowed(graph.node(attention.scores)).why_not_int8.empty()) continue;
        part_of_.emplace(attention.scores, attention.context);
        attentions_.insert(attention.context);
      }
    if (!anchors.empty() && !options.last_anchor) closed_.emplace(anchors.back(), "last");
  }

  TuningSpace build() && {
    for (const ir::NodeId id : graph_.topological_order()) {
      const ir::Node& node = graph_.node(id);
      const Allowed allowed = rules_.allowed(node);
      if (options_.bf16 && !allowed.bf16) space_.not_bf16.insert(id);
      std::vector<OpConfig> choices = int8_choices(node, allowed);
      if (allowed.bf16 && options_.bf16_policies.of(node) == ops::Bf16Policy::Allow) add_bf16(node, choices);
      if (!choices.empty())
        add_dimension(node, std::move(choices));
      else if (!options_.int8 && quant::quantizable(graph_, node))
        space_.kept_fp32.emplace(id, "the configuration has no quantization");
    }
    return std::move(space_);
  }

 private:
  bool is_wide(const quant::Attention& attention) const {
    const auto& dims = graph_.value(graph_.node(attention.scores).inputs[0]).type.dims;
    return dims && !dims->empty() && dims->back().value >= kWide;
  }

  std::vector<OpConfig> int8_choices(const ir::Node& node, const Allowed& allowed) {
    const ops::OpInfo* info = ops::find(node.op);
    if (info == nullptr || info->quant != ops::QuantRole::Anchor || !options_.int8) return {};
    std::string refusal = allowed.why_not_int8;
    if (const Support s = quant::quantizable(graph_, node); !s && !attentions_.contains(node.id)) refusal = s.why_not();
    if (const auto whole = part_of_.find(node.id); whole != part_of_.end())
      refusal = fmt::format("goes with '{}'", graph_.node(whole->second).name);
    if (const auto closed = closed_.find(node.id); closed != closed_.end())
      refusal = fmt::format("recipe {}_conv_or_matmul_quantization is off", closed->second);
    std::vector<OpConfig> choices;
    if (refusal.empty()) {
      refusal = "the configuration allows no INT8 scheme";
      for (OpConfig config : combinations(graph_, node, allowed, options_)) {
        if (config.smoothing != Smoothing::None && !quant::accepts(graph_, node, config)) config.smoothing = Smoothing::None;
        if (attentions_.contains(node.id)) config.weight = quant::default_weight_scheme();
        Support s = quant::accepts(graph_, node, config);
        if (s) s = adaptor_.supports(graph_, node.id, config);
        if (s) s = fast_enough(node, config);
        if (!s) refusal = s.why_not();
        if (s && std::find(choices.begin(), choices.end(), config) == choices.end()) choices.push_back(config);
      }
    }
    if (choices.empty())
      space_.kept_fp32.emplace(node.id, refusal);
    else if (attentions_.contains(node.id))
      space_.attentions.insert(node.id);
    return choices;
  }

  Support fast_enough(const ir::Node& node, const OpConfig& config) const {
    const auto classes = options_.slower.find(node.id);
    if (classes == options_.slower.end()) return Support::yes();
    auto found = classes->second.find(speed_class(config));
    if (found == classes->second.end()) found = classes->second.find(speed_class(without_smoothing(config)));
    return found == classes->second.end() ? Support::yes() : Support::no(found->second);
  }

  void add_bf16(const ir::Node& node, std::vector<OpConfig>& choices) {
    OpConfig bf16;
    bf16.precision = Precision::Bf16;
    if (!adaptor_.supports(graph_, node.id, bf16)) return;
    if (const Support s = fast_enough(node, bf16); !s) {
      space_.not_bf16.insert(node.id);
      space_.slower_in_bf16.emplace(node.id, s.why_not());
      return;
    }
    choices.push_back(bf16);
  }

  void add_dimension(const ir::Node& node, std::vector<OpConfig> options) {
    search::Dimension dimension{node.name, ops::reported_type(node), {}, 0};
    const OpConfig usual = options.front();
    options.push_back(OpConfig{});
    for (const OpConfig& option : options) {
      if (option.precision == Precision::Int8) ++dimension.safe;
      dimension.options.push_back(label_of(option, usual));
    }
    if (dimension.safe == 0) dimension.safe = options.size() - 1;
    space_.shape.dims.push_back(std::move(dimension));
    space_.nodes.push_back(node.id);
    space_.options.push_back(std::move(options));
  }

  const ir::Graph& graph_;
  const runtime::Adaptor& adaptor_;
  const SpaceOptions& options_;
  Rules rules_;
  std::map<ir::NodeId, std::string> closed_;
  std::map<ir::NodeId, ir::NodeId> part_of_;  ///< scores → context, of attentions
  std::set<ir::NodeId> attentions_;           ///< their contexts
  TuningSpace space_;
};

}  // namespace

std::string speed_class(const quant::OpConfig& config) {
  std::vector<std::string> parts{std::string(quant::name_of(config.precision))};
  if (config.precision != quant::Precision::Int8) return parts.front();
  if (config.dynamic) parts.emplace_back("dynamic");
  if (config.activation.dtype == DType::Int8) parts.emplace_back("s8");
  if (config.activation.granularity == quant::Granularity::PerChannel) parts.emplace_back("per_channel");
  if (config.weight.bound == quant::WeightBound::Full) parts.emplace_back("full");
  if (config.smoothing != quant::Smoothing::None) parts.emplace_back("smoothed");
  return joined(parts, ":");
}

TuningSpace build_space(const ir::Graph& fused, const runtime::Adaptor& adaptor, const SpaceOptions& options) {
  return SpaceBuilder(fused, adaptor, options).build();
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

search::Point TuningSpace::without_bf16(const search::Point& point) const {
  search::Point out = point, fp32 = shape.fp32();
  for (std::size_t i = 0; i < out.size(); ++i)
    if (options[i][out[i]].precision != Precision::Int8) out[i] = fp32[i];
  return out;
}

bool TuningSpace::uses(Precision precision) const {
  return std::any_of(options.begin(), options.end(), [&](const auto& some) {
    return std::any_of(some.begin(), some.end(), [&](const OpConfig& o) { return o.precision == precision; });
  });
}

bool TuningSpace::needs_ranges() const {
  return std::any_of(options.begin(), options.end(), [](const auto& some) {
    return std::any_of(some.begin(), some.end(),
                       [](const OpConfig& o) { return o.precision == Precision::Int8 && !o.dynamic; });
  });
}

std::set<quant::RangeMethod> TuningSpace::methods() const {
  std::set<quant::RangeMethod> all;
  for (const auto& some : options)
    for (const OpConfig& o : some)
      if (o.precision == Precision::Int8 && !o.dynamic) all.insert(o.activation.range);
  return all;
}

}  // namespace inc::tuning
