#pragma once
// The bridge between graphs and the search: what may be chosen per operator, and what a point means.
#include <map>
#include <string>
#include <vector>

#include "core/quant/placement.h"
#include "core/runtime/adaptor.h"
#include "core/search/search.h"

namespace inc::tuning {

/// What the user allows (from the configuration): schemes, and the rules per operator type and name.
struct SpaceOptions {
  std::vector<quant::Scheme> activations{quant::default_activation_scheme()};
  std::vector<quant::Scheme> weights{quant::default_weight_scheme()};
  /// Rules in order, later ones win: an operator type or a regular expression on whole node names (or the name itself),
  /// and what they are limited to.
  struct Rule {
    std::string op_type = {};     ///< empty: any
    std::string name_regex = {};  ///< empty: any
    bool fp32_only = false;
    /// Empty: not limited; otherwise these instead of the general ones.
    std::vector<quant::Scheme> activations = {}, weights = {};
  };
  std::vector<Rule> rules;
};

/// One dimension per quantizable anchor that the adaptor supports in INT8; others are decided and carry a reason.
struct TuningSpace {
  search::SearchSpace shape;
  std::vector<ir::NodeId> nodes;                      ///< per dimension
  std::vector<std::vector<quant::OpConfig>> options;  ///< per dimension, per option; the last one is FP32
  std::map<ir::NodeId, std::string> kept_fp32;        ///< anchors outside the space, with the reason
  quant::QuantConfig decode(const search::Point& point) const;
};

/// Throws ConfigError for a rule whose regular expression is malformed.
TuningSpace build_space(const ir::Graph& fused, const runtime::Adaptor& adaptor, const SpaceOptions& options);

}  // namespace inc::tuning
