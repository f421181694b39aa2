#include "core/quant/insert_qdq.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/quant/accepts.h"
#include "core/quant/fold_factors.h"

namespace inc::quant {
QdqInserter::QdqInserter(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges, WeightCache& weights)
    : graph_(fused), config_(config), ranges_(ranges), weights_(weights), patch_(fused, "insert Q/DQ") {}

void QdqInserter::quantize_anchors() {
  const auto anchors = chosen_anchors();
  for (const auto* node : anchors) check(*node);
  groups_ = choose_factors(graph_, config_, ranges_);
  for (const auto* node : anchors)
    with_context([&] { return fmt::format("while quantizing node '{}' ({})", node->name, node->op); },
                 [&] { quantize_anchor(*node, config_.ops.at(node->id)); });
}

std::vector<const ir::Node*> QdqInserter::chosen_anchors() const {
  std::vector<const ir::Node*> out;
  for (const ir::NodeId id : graph_.topological_order())
    if (is_int8(id)) out.push_back(&graph_.node(id));
  return out;
}

void QdqInserter::check(const ir::Node& node) const {
  OpConfig config = config_.ops.at(node.id);
  if (config.smoothing == Smoothing::Equalize && config.activation.granularity == Granularity::PerTensor)
    config.smoothing = Smoothing::None;
  if (const Support s = accepts(graph_, node, config); !s)
    throw ConfigError(fmt::format("node '{}' ({}) cannot be INT8: {}", node.name, node.op, s.why_not()));
}

const FactorGroup* QdqInserter::factors_of(ir::NodeId anchor) const {
  for (const FactorGroup& group : groups_)
    if (!group.factor.empty() && std::find(group.anchors.begin(), group.anchors.end(), anchor) != group.anchors.end())
      return &group;
  return nullptr;
}

void QdqInserter::quantize_attention(const Attention& attention, const OpConfig& config) {
  const ir::Node &scores = graph_.node(attention.scores), &context = graph_.node(attention.context);
  for (const std::size_t i : {0, 1})
    read_quantized(scores, i, activation_qparams(scores.inputs[i], config.activation), config.activation);
  read_quantized(context, 1, activation_qparams(context.inputs[1], config.activation), config.activation);
}

void QdqInserter::quantize_anchor(const ir::Node& node, const OpConfig& config) {
  if (!quantizable(graph_, node)) return quantize_attention(attention_at(graph_, node).value(), config);
  if (config.dynamic) {
    read_dynamic(node);
    quantize_parameters(node, config, nullptr, 0);
    return;
  }
  Scheme scheme = config.activation;
  scheme.granularity = Granularity::PerTensor;
  const FactorGroup* factors = factors_of(node.id);
  const QParams data = factors != nullptr ? factors->qparams : activation_qparams(node.input(0), scheme);
  if (factors != nullptr)
    read_quantized(node, 0, divided(*factors), data, scheme);
  else
    read_quantized(node, 0, data, scheme);
  quantize_parameters(node, config, factors, data.scale[0]);
}

QParams QdqInserter::activation_qparams(ir::ValueId value, const Scheme& scheme) const {
  return with_context([&] { return fmt::format("for value '{}'", graph_.value(value).name); },
                      [&] { return qparams_from_range(ranges_.at(value, scheme.range), scheme); });
}

QdqInserter::Source QdqInserter::divided(const FactorGroup& group) {
  if (const auto known = products_.find(&group); known != products_.end()) return known->second;
  const ir::Value& value = graph_.value(group.value);
  const auto before = std::count_if(products_.begin(), products_.end(),
                                    [&](const auto& entry) { return entry.first->value == group.value; });
  const std::string stem = before == 0 ? value.name + "_scaled" : fmt::format("{}_scaled_{}", value.name, before);
  ir::Tensor inverse(DType::Float, group.broadcast);
  for (std::size_t c = 0; c < group.factor.size(); ++c) inverse.mutable_data<float>()[c] = 1 / group.factor[c];
  const ir::ValueId factor = patch_.add_constant(stem + "_by", std::move(inverse));
  const ir::ValueId product = patch_.add_node({"Mul", {value.id, factor}, {}, stem, {value.type}, {stem}})[0];
  return products_.emplace(&group, Source{product, stem}).first->second;
}

void QdqInserter::read_dynamic(const ir::Node& node) {
  const ir::Value& value = graph_.value(node.input(0));
  rewired_.emplace(node.id, 0);
  auto known = dynamic_.find(value.id);
  if (known == dynamic_.end()) {
    const std::string stem = value.name + "_dynamic";
    const auto q = patch_.add_node({"DynamicQuantizeLinear",
                                    {value.id},
                                    {},
                                    stem + "_quantize",
                                    {ir::TensorType{DType::UInt8, value.type.dims}, ir::TensorType::of(DType::Float, {}),
                                     ir::TensorType::of(DType::UInt8, {})},
                                    {stem + "_quantized", stem + "_scale", stem + "_zero_point"}});
    const auto real = patch_.add_node({"DequantizeLinear",
                                       {q[0], q[1], q[2]},
                                       {},
                                       stem + "_dequantize",
                                       {ir::TensorType{DType::Float, value.type.dims}},
                                       {stem + "_dequantized"}});
    known = dynamic_.emplace(value.id, real[0]).first;
  }
  patch_.replace_input(node.id, 0, known->second);
}

void QdqInserter::read_quantized(const ir::Node& user, std::size_t index, const QParams& qparams, const Scheme& scheme) {
  const ir::ValueId value = user.inputs.at(index);
  read_quantized(user, index, {value, graph_.value(value).name}, qparams, scheme);
}

void QdqInserter::read_quantized(const ir::Node& user, std::size_t index, const Source& source, const QParams& qparams,
                                 const Scheme& scheme) {
  const auto& dims = graph_.value(user.inputs.at(index)).type.dims;
  rewired_.emplace(user.id, index);
  auto& known = pairs_[source.value];
  for (const Pair& pair : known) {
    if (pair.qparams != qparams) continue;
    patch_.replace_input(user.id, index, pair.dequantized);
    return;
  }
  const std::string stem = known.empty() ? source.name : fmt::format("{}_{}", source.name, known.size());
  const auto scale = patch_.add_constant(stem + "_scale", scale_tensor(qparams));
  const auto zero = patch_.add_constant(stem + "_zero_point", zero_point_tensor(qparams));
  const auto quantized = patch_.add_node({"QuantizeLinear",
                                          {source.value, scale, zero},
                                          {},
                                          stem + "_quantize",
                                          {ir::TensorType{qparams.dtype, dims}},
                                          {stem + "_quantized"}});
  const auto real = patch_.add_node({"DequantizeLinear",
                                     {quantized[0], scale, zero},
                                     {},
                                     stem + "_dequantize",
                                     {ir::TensorType{DType::Float, dims}},
                                     {stem + "_dequantized"}});
  known.push_back({qparams, scheme, real[0]});
  patch_.replace_input(user.id, index, real[0]);
}

ir::Graph QdqInserter::apply(const QdqOptions& options) && {
  ir::Graph out = graph_;
  if (!patch_.empty()) out.apply(patch_);
  std::vector<ir::ValueId> products;
  for (const auto& [group, source] : products_) products.push_back(source.value);
  std::sort(products.begin(), products.end());
  if (options.fold_factors) fold_factors(out, products);
  return out;
}

ir::Graph insert_qdq(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges, WeightCache& weights,
                     const QdqOptions& options) {
  QdqInserter inserter(fused, config, ranges, weights);
  inserter.quantize_anchors();
  inserter.spread(options);
  return std::move(inserter).apply(options);
}

}  // namespace inc::quant
