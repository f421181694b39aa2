#include "core/pipeline/space_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace inc::pipeline {
namespace {

using tuning::SpaceOptions;
using tuning::TensorLimits;

template <class T, std::size_t N>
std::vector<T> looked_up(const std::vector<std::string>& words, const std::pair<std::string_view, T> (&table)[N]) {
  std::vector<T> out;
  for (const auto& word : words)
    for (const auto& [name, value] : table)
      if (name == word) out.push_back(value);
  return out;
}

constexpr std::pair<std::string_view, DType> kDtypes[] = {{"uint8", DType::UInt8}, {"int8", DType::Int8}};
constexpr std::pair<std::string_view, quant::Symmetry> kSymmetries[] = {{"asym", quant::Symmetry::Asymmetric},
                                                                        {"sym", quant::Symmetry::Symmetric}};
constexpr std::pair<std::string_view, quant::Granularity> kGranularities[] = {
    {"per_tensor", quant::Granularity::PerTensor}, {"per_channel", quant::Granularity::PerChannel}};
constexpr std::pair<std::string_view, quant::RangeMethod> kMethods[] = {
    {"minmax", quant::RangeMethod::MinMax},
    {"moving_average", quant::RangeMethod::MovingAverage},
    {"percentile", quant::RangeMethod::Percentile},
    {"kl", quant::RangeMethod::Kl},
    {"mse", quant::RangeMethod::Mse}};
constexpr std::pair<std::string_view, quant::WeightBound> kBounds[] = {{"pair_bounded", quant::WeightBound::PairBounded},
                                                                       {"7bit", quant::WeightBound::SevenBit},
                                                                       {"full", quant::WeightBound::Full}};

TensorLimits limits(const config::TensorRule& rule) {
  TensorLimits out;
  out.dtypes = looked_up(rule.dtype, kDtypes);
  out.symmetries = looked_up(rule.scheme, kSymmetries);
  out.granularities = looked_up(rule.granularity, kGranularities);
  out.methods = looked_up(rule.algorithm, kMethods);
  return out;
}

TensorLimits weight_limits(const config::WeightRule& rule) {
  TensorLimits out = limits(rule);
  out.methods.clear();
  out.bounds = looked_up(rule.bound, kBounds);
  if (std::any_of(rule.bit.begin(), rule.bit.end(), [](double bit) { return bit < 8.0; }))
    out.bounds = {quant::WeightBound::SevenBit};
  return out;
}

bool names(const config::TensorRule& rule, std::string_view dtype) {
  return std::find(rule.dtype.begin(), rule.dtype.end(), dtype) != rule.dtype.end();
}

/// Whether the lists leave room for INT8; nothing when they do not speak of precisions.
std::optional<bool> int8_of(const config::OpRule& rule) {
  const auto one = [](const config::TensorRule& r) { return r.dtype.empty() || names(r, "uint8") || names(r, "int8"); };
  if (rule.activation.dtype.empty() && rule.weight.dtype.empty()) return std::nullopt;
  return one(rule.activation) && one(rule.weight);
}

/// BF16 is taken away by lists that do not name it only where they leave nothing but FP32.
std::optional<bool> bf16_of(const config::OpRule& rule) {
  if (names(rule.activation, "bf16") || names(rule.weight, "bf16")) return true;
  if (int8_of(rule) == false) return false;
  return std::nullopt;
}

SpaceOptions::Rule rule_of(const config::OpRule& rule) {
  return {"", "", int8_of(rule), bf16_of(rule), limits(rule.activation), weight_limits(rule.weight)};
}

float strength(const std::string& text) {
  if (text == "auto") return quant::OpConfig::kAutomaticAlpha;
  float alpha = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), alpha);
  if (error != std::errc() || end != text.data() + text.size() || !(alpha >= 0 && alpha <= 1))
    throw ConfigError(
        fmt::format("quantization.recipes.smooth_quant_args.alpha: '{}' found, auto or a number 0 to 1 expected", text));
  return alpha;
}

std::vector<tuning::SmoothingChoice> smoothing(const config::Recipes& recipes) {
  if (!recipes.smooth_quant.value_or(false)) return {{}};
  std::vector<tuning::SmoothingChoice> out;
  for (const auto& alpha : recipes.smooth_quant_args.alpha) out.push_back({quant::Smoothing::SmoothQuant, strength(alpha)});
  if (out.empty()) out.push_back({quant::Smoothing::SmoothQuant});
  return out;
}

std::optional<bool> switched(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::string_view value = text;
  if (value != "0" && value != "1")
    throw ConfigError(fmt::format("environment variable {}: '{}' found, 0 or 1 expected", variable, value));
  return value == "1";
}

/// Whether sums of u8×s8 products are exact on the target.
bool sums_exactly(const std::string& isa, const runtime::Adaptor& adaptor) {
  if (isa == "host") return static_cast<bool>(adaptor.runs_natively(quant::Precision::Int8));
  return isa == "avx512_core_vnni" || isa == "avx512_core_bf16" || isa == "avx512_core_amx";
}

void add_rules(SpaceOptions& options, const std::vector<std::pair<std::string, config::OpRule>>& rules, bool by_type) {
  for (const auto& [key, rule] : rules) {
    options.rules.push_back(rule_of(rule));
    (by_type ? options.rules.back().op_type : options.rules.back().name_regex) = key;
  }
}

}  // namespace

bool names_bf16(const config::Config& config) {
  const auto& mixed = config.mixed_precision;
  return mixed && std::find(mixed->precisions.begin(), mixed->precisions.end(), "bf16") != mixed->precisions.end();
}

Support bf16_allowed(const config::Config& config, const runtime::Adaptor& adaptor) {
  const auto force = switched("FORCE_BF16"), test = switched("MIX_PRECISION_TEST");
  if (force == false || test == false) return Support::no("forbidden by the environment");
  if (force == true || test == true) return Support::yes();
  if (!names_bf16(config)) return Support::no("mixed_precision does not name bf16");
  return adaptor.runs_natively(quant::Precision::Bf16);
}

SpaceOptions space_options(const config::Config& config, const runtime::Adaptor& adaptor) {
  SpaceOptions options;
  options.int8 = config.quantization.has_value() || !config.mixed_precision;
  const config::Quantization quantization = config.quantization.value_or(config::Quantization{});
  const auto& wise = quantization.model_wise;
  const auto& recipes = quantization.recipes;
  if (int8_of(wise) == false) options.rules.push_back(rule_of(wise));
  options.activation = limits(wise.activation);
  options.weight = weight_limits(wise.weight);
  if (options.weight.bounds.empty() && sums_exactly(config.target.isa, adaptor))
    options.weight.bounds = {quant::WeightBound::Full};
  if (options.weight.bounds.empty() && config.target.isa == "host")
    options.weight.bounds = {quant::WeightBound::PairBounded, quant::WeightBound::Full};
  if (!recipes.depthwise_per_channel && options.activation.granularities.empty())
    options.activation.granularities = {quant::Granularity::PerTensor};
  options.approach = quantization.approach == "auto"                          ? tuning::Approach::Auto
                     : quantization.approach == "post_training_dynamic_quant" ? tuning::Approach::Dynamic
                                                                              : tuning::Approach::Static;
  options.first_anchor = recipes.first_conv_or_matmul_quantization;
  options.attentions = !recipes.attention_quantization   ? tuning::Attentions::Wide
                       : *recipes.attention_quantization ? tuning::Attentions::All
                                                         : tuning::Attentions::None;
  options.last_anchor = recipes.last_conv_or_matmul_quantization;
  options.matrix_smoothing = options.conv_smoothing = smoothing(recipes);
  if (recipes.cross_layer_equalization) options.conv_smoothing = {{quant::Smoothing::Equalize}};
  options.bf16 = static_cast<bool>(bf16_allowed(config, adaptor));
  add_rules(options, quantization.optype_wise, true);
  add_rules(options, quantization.op_wise, false);
  if (config.mixed_precision) {
    const auto& mixed = *config.mixed_precision;
    options.bf16_policies.change({mixed.allowlist.add, mixed.allowlist.remove, mixed.inferlist.add, mixed.inferlist.remove,
                                  mixed.denylist.add, mixed.denylist.remove});
    for (const auto& [regex, rule] : mixed.op_wise) {
      options.rules.push_back({"", regex, std::nullopt, bf16_of(rule), {}, {}});
    }
  }
  options.bf16_policies.change(quant::lists_from_environment());
  return options;
}

quant::QdqOptions qdq_options(const config::Config& config) {
  const config::Recipes recipes = config.quantization.value_or(config::Quantization{}).recipes;
  quant::QdqOptions options;
  options.through_movement = options.through_averages = recipes.scale_propagation_max_pooling;
  options.through_concat = recipes.scale_propagation_concat;
  if (recipes.placement == "everywhere") options.placement = quant::Placement::Everywhere;
  return options;
}

}  // namespace inc::pipeline
