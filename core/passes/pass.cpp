#include "core/passes/pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::passes {
namespace {

constexpr int kMaxSweeps = 1000;

void add_once(Findings& findings, Finding finding) {
  if (std::find(findings.begin(), findings.end(), finding) == findings.end()) findings.push_back(std::move(finding));
}

class RewritePass final : public Pass {
 public:
  explicit RewritePass(Rule rule) : rule_(std::move(rule)), pattern_(rule_.pattern) {}

  std::string_view name() const override { return rule_.name; }

  bool run(ir::Graph& graph, Findings* findings) const override {
    bool changed = false;
    for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
      Findings near_misses;
      if (!sweep_once(graph, findings, near_misses)) {
        if (findings)
          for (Finding& miss : near_misses) add_once(*findings, std::move(miss));
        return changed;
      }
      changed = true;
    }
    throw InternalError(fmt::format("{} still changes the graph after {} sweeps", rule_.name, kMaxSweeps));
  }

 private:
  bool sweep_once(ir::Graph& graph, Findings* findings, Findings& near_misses) const {
    bool changed = false;
    for (const ir::NodeId id : graph.topological_order()) {
      if (!graph.alive(id)) continue;
      const std::string node_name = graph.node(id).name, op_type = ops::reported_type(graph.node(id));
      with_context([&] { return fmt::format("while applying {} to node '{}' ({})", rule_.name, node_name, op_type); },
                   [&] {
                     const MatchResult found =
                         pattern_.match(graph, id, [&](const Match& m) { return rule_.where(graph, m); });
                     if (!found.match) {
                       if (!found.near_miss.empty())
                         near_misses.push_back({std::string(rule_.name), node_name, op_type, false, found.near_miss, ""});
                       return;
                     }
                     const ir::Patch patch = rule_.rewrite(graph, *found.match);
                     graph.apply(patch);
                     changed = true;
                     if (findings) findings->push_back({std::string(rule_.name), node_name, op_type, true, "", patch.why()});
                   });
    }
    return changed;
  }

  Rule rule_;
  Pattern pattern_;
};

}  // namespace

std::unique_ptr<const Pass> make_pass(Rule rule) {
  return std::make_unique<RewritePass>(std::move(rule));
}

PassManager::PassManager(PassList passes) : passes_(std::move(passes)) {}

bool PassManager::run(ir::Graph& graph, Findings* findings) const {
  bool changed = false;
  for (int round = 0; round < kMaxSweeps; ++round) {
    bool again = false;
    Findings near_misses;
    for (const auto& pass : passes_) {
      Findings own;
      const bool did = with_context([&] { return fmt::format("in pass {}", pass->name()); },
                                    [&] {
                                      const bool any = pass->run(graph, &own);
                                      if (any) graph.verify();
                                      return any;
                                    });
      again = again || did;
      for (Finding& finding : own) {
        if (!finding.applied)
          add_once(near_misses, std::move(finding));
        else if (findings)
          findings->push_back(std::move(finding));
      }
    }
    if (!again) {
      if (findings) findings->insert(findings->end(), near_misses.begin(), near_misses.end());
      return changed;
    }
    changed = true;
  }
  throw InternalError(fmt::format("the passes still change the graph after {} rounds", kMaxSweeps));
}

}  // namespace inc::passes
