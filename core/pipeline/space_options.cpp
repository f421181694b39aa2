#include "core/pipeline/space_options.h"

#include <fmt/format.h>

#include <algorithm>

namespace inc::pipeline {
namespace {

using quant::Scheme;

bool only_fp32(const config::TensorRule& rule) {
  return !rule.dtype.empty() && std::all_of(rule.dtype.begin(), rule.dtype.end(), [](const auto& d) { return d == "fp32"; });
}

std::vector<std::string> or_default(const std::vector<std::string>& given, std::string_view otherwise) {
  return given.empty() ? std::vector<std::string>{std::string(otherwise)} : given;
}

Scheme scheme_of(Scheme base, const std::string& dtype, const std::string& symmetry, const std::string& granularity) {
  base.dtype = dtype == "int8" ? DType::Int8 : DType::UInt8;
  base.symmetry = symmetry == "sym" ? quant::Symmetry::Symmetric : quant::Symmetry::Asymmetric;
  base.granularity = granularity == "per_channel" ? quant::Granularity::PerChannel : quant::Granularity::PerTensor;
  return base;
}

/// Every combination of the lists; what is not listed keeps the default's value.
std::vector<Scheme> schemes(const config::TensorRule& rule, const Scheme& base, bool weight) {
  std::vector<Scheme> all;
  for (const auto& dtype : or_default(rule.dtype, name_of(base.dtype))) {
    if (dtype == "fp32") continue;
    for (const auto& symmetry : or_default(rule.scheme, quant::name_of(base.symmetry)))
      for (const auto& granularity : or_default(rule.granularity, quant::name_of(base.granularity)))
        all.push_back(scheme_of(base, dtype, symmetry, granularity));
  }
  for (Scheme& scheme : all) {
    if (weight && (scheme.dtype != DType::Int8 || scheme.symmetry != quant::Symmetry::Symmetric))
      throw ConfigError("weights are quantized to int8 with scheme sym; another dtype or scheme was asked for");
    if (!weight && scheme.granularity == quant::Granularity::PerChannel)
      throw ConfigError("activations are quantized per_tensor; per_channel was asked for");
    if (weight && rule.bit && *rule.bit <= 7.0) scheme.bound = quant::WeightBound::SevenBit;
  }
  return all;
}

bool limits(const config::TensorRule& rule) {
  return !rule.dtype.empty() || !rule.scheme.empty() || !rule.granularity.empty() || rule.bit.has_value();
}

tuning::SpaceOptions::Rule rule_of(const config::OpRule& rule, const tuning::SpaceOptions& base) {
  tuning::SpaceOptions::Rule made;
  made.fp32_only = only_fp32(rule.activation) || only_fp32(rule.weight);
  if (made.fp32_only) return made;
  if (limits(rule.activation)) made.activations = schemes(rule.activation, base.activations.front(), false);
  if (limits(rule.weight)) made.weights = schemes(rule.weight, base.weights.front(), true);
  return made;
}

}  // namespace

tuning::SpaceOptions space_options(const config::Quantization& quantization) {
  tuning::SpaceOptions options;
  const auto& wise = quantization.model_wise;
  if (only_fp32(wise.activation) || only_fp32(wise.weight)) {
    options.rules.push_back({"", "", true, {}, {}});
  } else {
    options.activations = schemes(wise.activation, quant::default_activation_scheme(), false);
    options.weights = schemes(wise.weight, quant::default_weight_scheme(), true);
  }
  for (const auto& [type, rule] : quantization.optype_wise) {
    options.rules.push_back(rule_of(rule, options));
    options.rules.back().op_type = type;
  }
  for (const auto& [regex, rule] : quantization.op_wise) {
    options.rules.push_back(rule_of(rule, options));
    options.rules.back().name_regex = regex;
  }
  return options;
}

}  // namespace inc::pipeline
