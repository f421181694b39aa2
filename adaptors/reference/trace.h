#pragma once
// Every value of a run, kept.
#include <map>
#include <set>

#include "core/runtime/adaptor.h"

namespace inc::reference {

class KeptValues final : public runtime::Trace {
 public:
  /// `values`: graph inputs and results of nodes.
  KeptValues(const ir::Graph& graph, std::vector<ir::NodeId> order, std::set<ir::ValueId> replaceable,
             std::map<ir::ValueId, ir::Tensor> values, std::vector<ir::Tensor> outputs);
  const std::vector<ir::Tensor>& outputs() const override { return outputs_; }
  std::vector<ir::Tensor> rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const override;
  double share(ir::ValueId value) const override;
  std::size_t bytes() const override;

 private:
  std::int64_t macs(const ir::Node& node) const;
  const ir::Tensor& at(ir::ValueId id) const;
  ir::Graph graph_;
  std::vector<ir::NodeId> order_;
  std::set<ir::ValueId> replaceable_;
  std::map<ir::ValueId, ir::Tensor> values_;
  std::vector<ir::Tensor> outputs_;
};

}  // namespace inc::reference
