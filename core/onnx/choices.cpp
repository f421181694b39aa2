#include <algorithm>
#include <map>

#include "core/onnx/prepare.h"
#include "core/onnx/subgraphs.h"

namespace inc::onnx_io {
namespace {

bool is_choice(const onnx::NodeProto& node) {
  return node.op_type() == "If" && node.domain().empty();
}

/// The branch that is taken; nullptr when that is open or the branch does not fit.
const onnx::GraphProto* branch_of(const onnx::NodeProto& choice, Oracle& oracle) {
  if (choice.input_size() != 1) return nullptr;
  const auto truth = oracle.truth(choice.input(0));
  if (!truth) return nullptr;
  const auto* branch = attribute_of(choice, *truth ? "then_branch" : "else_branch");
  if (branch == nullptr || !branch->has_g() || branch->g().input_size() > 0 || branch->g().sparse_initializer_size() > 0 ||
      branch->g().output_size() != choice.output_size())
    return nullptr;
  const auto& outputs = choice.output();
  return std::find(outputs.begin(), outputs.end(), "") == outputs.end() ? &branch->g() : nullptr;
}

}  // namespace

bool inline_choices(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  std::map<int, const onnx::GraphProto*> branches;
  Oracle oracle(graph, opset_of(model));
  for (int i = 0; i < graph.node_size(); ++i)
    if (is_choice(graph.node(i)))
      if (const auto* branch = branch_of(graph.node(i), oracle)) branches[i] = branch;
  if (branches.empty()) return false;
  Splicer splicer(graph);
  Nodes nodes;
  for (int i = 0; i < graph.node_size(); ++i) {
    const auto found = branches.find(i);
    if (found == branches.end()) {
      nodes.Add(std::move(*graph.mutable_node(i)));
      continue;
    }
    const auto results = splicer.splice(*found->second, splicer.hoist(*found->second), "", nodes);
    for (int o = 0; o < graph.node(i).output_size(); ++o)
      add_node(nodes, "Identity", {results[static_cast<std::size_t>(o)]}, graph.node(i).output(o));
  }
  graph.mutable_node()->Swap(&nodes);
  return true;
}

}  // namespace inc::onnx_io
