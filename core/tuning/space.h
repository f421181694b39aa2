#pragma once
// The bridge between graphs and the search: what may be chosen per operator, and what a point means.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/quant/bf16.h"
#include "core/runtime/adaptor.h"
#include "core/search/search.h"
#include "core/tuning/rules.h"

namespace inc::tuning {

/// What of an option decides how fast it is: "fp32", "bf16", "int8", "int8:dynamic", "int8:s8", "int8:full", … Range
/// methods, symmetry and strength of smoothing do not.
std::string speed_class(const quant::OpConfig& config);

/// One dimension per operator that has a choice: its INT8 options, BF16, FP32, in this order, as far as it has them.
/// Anchors outside the space are decided and carry a reason.
struct TuningSpace {
  search::SearchSpace shape;
  std::vector<ir::NodeId> nodes;                      ///< per dimension
  std::vector<std::vector<quant::OpConfig>> options;  ///< per dimension, per option; the last one is FP32
  std::set<ir::NodeId> attentions;                    ///< contexts of attentions that have an INT8 option
  std::map<ir::NodeId, std::string> kept_fp32;        ///< anchors that cannot be INT8, with the reason
  std::set<ir::NodeId> not_bf16;                      ///< operators that are kept out of BF16
  std::map<ir::NodeId, std::string> slower_in_bf16;   ///< those of them that speed decided, with the reason
  quant::QuantConfig decode(const search::Point& point) const;
  /// The point with every operator that has left INT8 in FP32: what corrections are computed for.
  search::Point without_bf16(const search::Point& point) const;
  bool uses(quant::Precision precision) const;
  /// Whether any option needs calibrated ranges.
  bool needs_ranges() const;
  std::set<quant::RangeMethod> methods() const;
};

/// Throws ConfigError for a rule whose regular expression is malformed.
TuningSpace build_space(const ir::Graph& fused, const runtime::Adaptor& adaptor, const SpaceOptions& options);

}  // namespace inc::tuning
