#include "adaptors/onednn/adaptor.h"

#include "adaptors/onednn/executable.h"
#include "adaptors/onednn/isa.h"
#include "core/ops/ops.h"
#include "core/quant/accepts.h"

namespace inc::onednn {
namespace {

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
        return quant::accepts(graph, node, config);
      case quant::Precision::Bf16:
        return Support::yes();
    }
    return Support::no("unknown precision");
  }

  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph& graph) const override {
    return std::make_unique<const PlannedExecutable>(graph, weights_);
  }

  Support runs_natively(quant::Precision precision) const override {
    if (precision == quant::Precision::Int8 && !has_vnni()) return Support::no(isa_name() + " has no VNNI");
    if (precision == quant::Precision::Bf16 && !has_bf16()) return Support::no(isa_name() + " has no BF16 instructions");
    return Support::yes();
  }

  Support keeps_time() const override { return Support::yes(); }

  std::string_view name() const override { return "onednn"; }

  std::string version() const override {
    const dnnl::version_t* library = dnnl::version();
    return "oneDNN " + std::to_string(library->major) + "." + std::to_string(library->minor) + "." +
           std::to_string(library->patch);
  }

 private:
  std::shared_ptr<PackedWeights> weights_ = std::make_shared<PackedWeights>();
};

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor() {
  apply_isa_cap();
  return std::make_unique<const OnednnAdaptor>();
}

}  // namespace inc::onednn
