#include <algorithm>

#include "core/ops/ops.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

class EliminateDeadCode final : public Pass {
 public:
  std::string_view name() const override { return "eliminate_dead_code"; }

  bool run(ir::Graph& graph, Findings* findings) const override {
    ir::Patch patch(graph, "nobody uses it");
    for (const ir::NodeId id : graph.nodes()) {
      const ir::Node& node = graph.node(id);
      const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [&](ir::ValueId v) { return graph.is_output(v) || !graph.value(v).consumers.empty(); });
      if (used) continue;
      patch.erase(id);
      if (findings) findings->push_back({std::string(name()), node.name, ops::reported_type(node), true, "", patch.why()});
    }
    if (patch.empty()) return false;
    graph.apply(patch);
    return true;
  }
};

}  // namespace

std::unique_ptr<const Pass> eliminate_dead_code() {
  return std::make_unique<EliminateDeadCode>();
}

}  // namespace inc::passes
