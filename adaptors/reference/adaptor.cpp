#include "adaptors/reference/adaptor.h"

#include <fmt/format.h>

#include "adaptors/reference/interpreter.h"
#include "core/ops/ops.h"

namespace inc::reference {
namespace {

Support known(const ir::Node& node, std::int64_t opset) {
  const auto* row = ops::find(node.op);
  if (row == nullptr) return Support::no(fmt::format("operator type {} is not supported", node.op));
  return row->supports == nullptr ? Support::yes() : row->supports(node, opset);
}

class ReferenceAdaptor final : public runtime::Adaptor {
 public:
  Support supports(const ir::Graph& graph, ir::NodeId id, const quant::OpConfig& config) const override {
    const auto& node = graph.node(id);
    if (auto answer = known(node, graph.opset); !answer) return answer;
    const auto& row = ops::info(node.op);
    if (config.precision == quant::Precision::Int8 && row.quant == ops::QuantRole::Float)
      return Support::no(fmt::format("{} is never quantized", ops::reported_type(node)));
    if (config.precision == quant::Precision::Bf16 && row.bf16 == ops::Bf16Policy::Deny)
      return Support::no(fmt::format("{} is never cast to bf16", ops::reported_type(node)));
    return Support::yes();
  }

  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph& graph) const override {
    for (const auto id : graph.nodes()) {
      const auto& node = graph.node(id);
      if (const auto answer = known(node, graph.opset); !answer)
        throw UnsupportedError(
            fmt::format("node '{}' of type {} cannot be executed: {}", node.name, node.op, answer.why_not()));
    }
    return std::make_unique<Interpreter>(graph);
  }

  Support runs_natively(quant::Precision) const override { return Support::no("the reference runs scalar code"); }

  std::string_view name() const override { return "reference"; }
};

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor() {
  return std::make_unique<ReferenceAdaptor>();
}

}  // namespace inc::reference
