#pragma once
// What the user allows: limits for all operators, and rules per operator type and name.
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "core/ir/graph.h"
#include "core/quant/bf16.h"
#include "core/quant/scheme.h"

namespace inc::tuning {

/// Values that one tensor of an operator may take; an empty list leaves the operator's default (quant::default_op_config).
struct TensorLimits {
  std::vector<DType> dtypes;
  std::vector<quant::Symmetry> symmetries;
  std::vector<quant::Granularity> granularities;
  std::vector<quant::RangeMethod> methods;
  std::vector<quant::WeightBound> bounds;  ///< weights only
  /// Those of `other` where it says something.
  void narrow(const TensorLimits& other);
  /// Every combination, the default first in each list that is empty.
  std::vector<quant::Scheme> schemes(const quant::Scheme& usual) const;
};

enum class Approach : std::uint8_t { Static, Dynamic, Auto };

struct SmoothingChoice {
  quant::Smoothing kind = quant::Smoothing::None;
  float alpha = quant::OpConfig::kAutomaticAlpha;
};

/// Wide: of 16 numbers a query and more. In shorter ones the products, which INT8 is for, take less time than the softmax.
enum class Attentions : std::uint8_t { None, Wide, All };

struct SpaceOptions {
  bool int8 = true;
  Approach approach = Approach::Static;
  TensorLimits activation, weight;
  /// Options of MatMul and Gemm, and of convolutions; none where an operator cannot carry one out.
  std::vector<SmoothingChoice> matrix_smoothing{{}}, conv_smoothing{{}};
  Attentions attentions = Attentions::None;      ///< that may be INT8
  bool first_anchor = true, last_anchor = true;  ///< may be INT8
  bool bf16 = false;
  quant::Bf16Policies bf16_policies = {};

  /// In order, later ones win: an operator type or a regular expression on whole node names (or the name itself), and what
  /// they are limited to.
  struct Rule {
    std::string op_type = {};     ///< empty: any
    std::string name_regex = {};  ///< empty: any
    std::optional<bool> int8 = {}, bf16 = {};
    TensorLimits activation = {}, weight = {};
  };
  std::vector<Rule> rules;

  /// Speed classes (speed_class of space.h) that an operator is kept out of, and why.
  std::map<ir::NodeId, std::map<std::string, std::string>> slower = {};
};

/// What the rules leave to one operator.
struct Allowed {
  TensorLimits activation, weight;
  bool int8 = true, bf16 = false;
  std::string why_not_int8;
};

class Rules {
 public:
  /// Throws ConfigError for a regular expression that is malformed.
  explicit Rules(const SpaceOptions& options);
  Allowed allowed(const ir::Node& node) const;

 private:
  const SpaceOptions& options_;
  std::vector<std::regex> patterns_;
};

}  // namespace inc::tuning
