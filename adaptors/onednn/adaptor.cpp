#include "adaptors/onednn/adaptor.h"

#include "adaptors/onednn/executable.h"
#include "adaptors/onednn/isa.h"
#include "core/ops/ops.h"
#include "core/quant/placement.h"

namespace inc::onednn {
namespace {

Support supports_int8(const ir::Graph& graph, const ir::Node& node, const quant::OpConfig& config) {
  if (const Support support = quant::quantizable(graph, node); !support) return support;
  const DType activation = config.activation.dtype;
  if (activation != DType::UInt8 && activation != DType::Int8)
    return Support::no("activations of type " + std::string(name_of(activation)) + " have no integer kernel");
  if (config.activation.granularity != quant::Granularity::PerTensor)
    return Support::no("activations with a scale per channel have no integer kernel");
  if (config.weight.dtype != DType::Int8 || config.weight.symmetry != quant::Symmetry::Symmetric)
    return Support::no("integer kernels take symmetric int8 weights");
  return Support::yes();
}

class OnednnAdaptor final : public runtime::Adaptor {
 public:
  Support supports(const ir::Graph& graph, ir::NodeId id, const quant::OpConfig& config) const override {
    const ir::Node& node = graph.node(id);
    const ops::OpInfo* row = ops::find(node.op);
    if (row == nullptr) return Support::no("operator '" + node.op + "' is not supported");
    if (row->supports != nullptr)
      if (Support support = row->supports(node, graph.opset); !support) return support;
    switch (config.precision) {
      case quant::Precision::Fp32:
        return Support::yes();
      case quant::Precision::Int8:
        return supports_int8(graph, node, config);
      case quant::Precision::Bf16:
        return Support::yes();
    }
    return Support::no("unknown precision");
  }

  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph& graph) const override {
    return std::make_unique<const PlannedExecutable>(graph, weights_);
  }

  std::string_view name() const override { return "onednn"; }

 private:
  std::shared_ptr<PackedWeights> weights_ = std::make_shared<PackedWeights>();
};

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor() {
  apply_isa_cap();
  return std::make_unique<const OnednnAdaptor>();
}

}  // namespace inc::onednn
