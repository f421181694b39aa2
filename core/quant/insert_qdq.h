#pragma once
// The patch that insert_qdq() builds, step by step.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/ir/patch.h"
#include "core/quant/attention.h"
#include "core/quant/factors.h"
#include "core/quant/placement.h"

namespace inc::quant {

class QdqInserter {
 public:
  QdqInserter(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges, WeightCache& weights);

  void quantize_anchors();
  void spread(const QdqOptions& options);
  ir::Graph apply(const QdqOptions& options) &&;

 private:
  struct Pair {
    QParams qparams;
    Scheme scheme;  ///< of the anchor it was made for
    ir::ValueId dequantized;
  };
  /// What is quantized: a value of the graph, or what a Mul made of it.
  struct Source {
    ir::ValueId value;
    std::string name;
  };

  std::vector<const ir::Node*> chosen_anchors() const;
  void check(const ir::Node& node) const;
  void quantize_anchor(const ir::Node& node, const OpConfig& config);
  void quantize_attention(const Attention& attention, const OpConfig& config);
  void quantize_parameters(const ir::Node& node, const OpConfig& config, const FactorGroup* factors, float data_scale);
  void quantize_bias(const ir::Node& node, const ir::Tensor& bias, float data_scale, const QParams& weight);
  void read_dynamic(const ir::Node& node);
  const FactorGroup* factors_of(ir::NodeId anchor) const;
  Source divided(const FactorGroup& group);
  static ir::Tensor scale_tensor(const QParams& qparams);
  static ir::Tensor zero_point_tensor(const QParams& qparams);
  std::string bias_name(const ir::Node& node) const;
  void set_bias(const ir::Node& node, ir::ValueId bias);  ///< its shape may differ from the one before
  ir::ValueId weight_dequantized(ir::ValueId source, const QuantizedWeight& weight);
  ir::ValueId dequantize_constant(const std::string& stem, const ir::Tensor& q, const QParams& qparams);
  QParams activation_qparams(ir::ValueId value, const Scheme& scheme) const;
  void read_quantized(const ir::Node& user, std::size_t index, const QParams& qparams, const Scheme& scheme);
  void read_quantized(const ir::Node& user, std::size_t index, const Source& source, const QParams& qparams,
                      const Scheme& scheme);

  void quantize_everywhere();
  void spread_through(const ir::Node& node, const QdqOptions& options);
  void find_int8_values(const ir::Node& node);
  /// Of the value, or of what operators that only move its elements made it from, for it alone.
  const Pair* pair_behind_movement(ir::ValueId value, const QdqOptions& options) const;
  void spread_residual(const ir::Node& node, const QdqOptions& options);
  const Pair* only_pair(ir::ValueId value) const;
  bool covered(ir::ValueId value) const;
  bool is_int8(ir::NodeId node) const;

  const ir::Graph& graph_;
  const QuantConfig& config_;
  const RangeTable& ranges_;
  WeightCache& weights_;
  ir::Patch patch_;
  std::map<ir::ValueId, std::vector<Pair>> pairs_;
  std::vector<FactorGroup> groups_;
  std::map<const FactorGroup*, Source> products_;
  std::map<ir::ValueId, ir::ValueId> dynamic_;
  std::set<std::pair<ir::NodeId, std::size_t>> rewired_;
  std::set<ir::ValueId> from_int8_;  ///< results of INT8 anchors, and what only passes them on
  std::map<const QuantizedWeight*, ir::ValueId> shared_weights_;
};

}  // namespace inc::quant
