#pragma once
// Textual nets under BF16: which nodes became BF16, which Casts stand where.
#include <set>
#include <string>

#include "core/onnx/onnx_io.h"
#include "core/quant/bf16.h"

namespace inc::quant {

struct Bf16Net {
  ir::Graph graph;
  Bf16Policies policies = {};
  RangeTable ranges = {};
  Bf16Constants constants = {};

  explicit Bf16Net(const std::string& text) : graph(onnx_io::import_text(text)) {}
  explicit Bf16Net(ir::Graph g) : graph(std::move(g)) {}

  Bf16Plan plan() { return plan_bf16(graph, bf16_wanted(graph, policies), policies, ranges, constants); }
  ir::Graph cast() {
    ir::Graph out = cast_bf16(graph, plan(), constants);
    out.verify();
    return out;
  }
  /// Names of the first results of the BF16 nodes, in order of their nodes.
  std::string bf16() {
    std::string text;
    for (const ir::NodeId id : plan().nodes) text += (text.empty() ? "" : " ") + graph.value(graph.node(id).outputs[0]).name;
    return text;
  }
  /// Why the node that makes the value stays FP32; empty when it does not.
  std::string why_not(const std::string& value) {
    const auto reasons = plan().why_not;
    const auto found = reasons.find(*graph.value(*graph.find_value(value)).producer);
    return found == reasons.end() ? "" : found->second;
  }
  void range(const std::string& value, float lo, float hi) {
    ranges.tensor[{*graph.find_value(value), RangeMethod::MinMax}] = {lo, hi};
  }
};

inline std::size_t count_casts(const ir::Graph& graph) {
  std::size_t n = 0;
  for (const ir::NodeId id : graph.nodes()) n += graph.node(id).op == "Cast" ? 1 : 0;
  return n;
}

}  // namespace inc::quant
