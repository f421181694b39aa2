#include <algorithm>
#include <map>
#include <tuple>

#include "core/ops/ops.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

constexpr std::int64_t kSmallConstant = 4096;

class MergeDuplicates final : public Pass {
 public:
  std::string_view name() const override { return "merge_duplicates"; }

  bool run(ir::Graph& graph, Findings* findings) const override {
    bool changed = false;
    while (merge_once(graph, findings)) changed = true;
    return changed;
  }

 private:
  using Key = std::pair<std::string, std::vector<ir::ValueId>>;

  static std::map<ir::ValueId, ir::ValueId> representatives(const ir::Graph& graph) {
    std::map<std::tuple<std::uint64_t, DType, ir::Shape>, ir::ValueId> first;
    std::map<ir::ValueId, ir::ValueId> result;
    for (const ir::ValueId id : graph.values()) {
      const ir::Tensor* tensor = graph.constant(id);
      if (!tensor || tensor->count() > kSmallConstant) continue;
      const auto [it, fresh] = first.emplace(std::tuple(tensor->content_hash(), tensor->dtype(), tensor->shape()), id);
      if (!fresh && ir::identical(*graph.constant(it->second), *tensor)) result.emplace(id, it->second);
    }
    return result;
  }

  bool merge_once(ir::Graph& graph, Findings* findings) const {
    const auto same_as = representatives(graph);
    std::map<Key, std::vector<ir::NodeId>> seen;
    ir::Patch patch(graph, "equal nodes merged");
    std::vector<ir::NodeId> gone;
    for (const ir::NodeId id : graph.topological_order()) {
      const ir::Node& node = graph.node(id);
      Key key{node.op, node.inputs};
      for (ir::ValueId& v : key.second)
        if (const auto it = same_as.find(v); it != same_as.end()) v = it->second;
      auto& others = seen[key];
      const auto twin =
          std::find_if(others.begin(), others.end(), [&](ir::NodeId o) { return equal(graph, graph.node(o), node); });
      if (twin == others.end()) {
        others.push_back(id);
        continue;
      }
      for (std::size_t i = 0; i < node.outputs.size(); ++i) patch.replace(node.outputs[i], graph.node(*twin).outputs[i]);
      if (findings)
        findings->push_back({std::string(name()), node.name, ops::reported_type(node), true, "",
                             "equal to '" + graph.node(*twin).name + "'"});
    }
    if (patch.empty()) return false;
    graph.apply(patch);
    return true;
  }

  static bool equal(const ir::Graph& graph, const ir::Node& kept, const ir::Node& node) {
    if (kept.attrs != node.attrs || kept.outputs.size() != node.outputs.size()) return false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (!replaceable(graph, node.outputs[i], kept.outputs[i])) return false;
    return true;
  }
};

}  // namespace

std::unique_ptr<const Pass> merge_duplicates() {
  return std::make_unique<MergeDuplicates>();
}

}  // namespace inc::passes
