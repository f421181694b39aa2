#include <algorithm>
#include <map>

#include "core/ops/ops.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

constexpr std::size_t kSmallBytes = std::size_t{16} << 20;

class FoldConstants final : public Pass {
 public:
  std::string_view name() const override { return "fold_constants"; }

  bool run(ir::Graph& graph, Findings* findings) const override {
    ir::Patch patch(graph, "computed from constants");
    std::map<ir::ValueId, ir::Tensor> known;
    for (const ir::NodeId id : graph.topological_order()) {
      const ir::Node& node = graph.node(id);
      const auto inputs = tensors(graph, known, node);
      if (inputs.empty() || !may_fold(graph, node)) continue;
      if (const std::string why = too_large(graph, node, inputs); !why.empty()) {
        if (findings) findings->push_back({std::string(name()), node.name, node.op, false, why, ""});
        continue;
      }
      const auto results = ops::evaluate(node, inputs, graph.opset);
      for (std::size_t i = 0; i < results.size(); ++i) known.emplace(node.outputs[i], results[i]);
      if (findings) findings->push_back({std::string(name()), node.name, node.op, true, "", patch.why()});
    }
    for (const auto& [value, tensor] : known)
      if (leaves(graph, known, value)) patch.replace(value, patch.add_constant(graph.value(value).name, tensor));
    if (patch.empty()) return false;
    graph.apply(patch);
    return true;
  }

 private:
  static std::vector<ir::Tensor> tensors(const ir::Graph& graph, const std::map<ir::ValueId, ir::Tensor>& known,
                                         const ir::Node& node) {
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId v : node.inputs) {
      const auto it = known.find(v);
      if (v.none())
        inputs.emplace_back();
      else if (it != known.end())
        inputs.push_back(it->second);
      else if (const ir::Tensor* tensor = graph.constant(v))
        inputs.push_back(*tensor);
      else
        return {};
    }
    return inputs;
  }

  static bool may_fold(const ir::Graph& graph, const ir::Node& node) {
    const ops::OpInfo* row = ops::find(node.op);
    if (!row || !row->eval || node.op == "DequantizeLinear") return false;
    return std::none_of(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId v) { return graph.is_output(v); }) &&
           std::any_of(node.outputs.begin(), node.outputs.end(),
                       [&](ir::ValueId v) { return !graph.value(v).consumers.empty(); });
  }

  static std::string too_large(const ir::Graph& graph, const ir::Node& node, const std::vector<ir::Tensor>& inputs) {
    std::vector<ops::Spec> specs;
    std::size_t before = 0, after = 0;
    for (const ir::Tensor& t : inputs) {
      specs.push_back({t.dtype(), t.shape(), t.defined() ? &t : nullptr, t.defined()});
      if (t.defined()) before += t.bytes();
    }
    for (const auto& out : ops::infer(node, specs, graph.opset))
      after += static_cast<std::size_t>(ir::element_count(out.shape)) * size_of(out.dtype);
    if (after <= kSmallBytes || after <= before) return "";
    return "the result has " + std::to_string(after >> 20) + " MB, its inputs have " + std::to_string(before >> 20);
  }

  static bool leaves(const ir::Graph& graph, const std::map<ir::ValueId, ir::Tensor>& known, ir::ValueId value) {
    const auto& users = graph.value(value).consumers;
    return std::any_of(users.begin(), users.end(),
                       [&](ir::NodeId user) { return !known.count(graph.node(user).outputs.front()); });
  }
};

}  // namespace

std::unique_ptr<const Pass> fold_constants() {
  return std::make_unique<FoldConstants>();
}

}  // namespace inc::passes
