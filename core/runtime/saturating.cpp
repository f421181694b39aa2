#include "core/runtime/saturating.h"

#include <algorithm>
#include <cmath>

#include "core/quant/saturation.h"

namespace inc::runtime {
namespace {

class SaturatingAdaptor final : public Adaptor {
 public:
  explicit SaturatingAdaptor(std::unique_ptr<const Adaptor> exact)
      : exact_(std::move(exact)), name_(std::string(exact_->name()) + "-avx2") {}

  Support supports(const ir::Graph& graph, ir::NodeId node, const quant::OpConfig& config) const override {
    return exact_->supports(graph, node, config);
  }
  std::unique_ptr<const Executable> prepare(const ir::Graph& graph) const override {
    return exact_->prepare(quant::with_saturation(graph).graph);
  }
  Support runs_natively(quant::Precision) const override { return Support::no(name_ + " imitates another CPU"); }
  std::string_view name() const override { return name_; }

 private:
  std::unique_ptr<const Adaptor> exact_;
  std::string name_;
};

}  // namespace

std::unique_ptr<const Adaptor> saturating(std::unique_ptr<const Adaptor> exact) {
  return std::make_unique<SaturatingAdaptor>(std::move(exact));
}

void count_saturated(const Adaptor& exact, const ir::Graph& graph, std::span<const ir::Tensor> inputs,
                     std::map<ir::NodeId, SaturationCount>& counts) {
  const quant::Saturating saturating = quant::with_saturation(graph);
  std::map<ir::ValueId, ir::NodeId> anchors;
  TapSink tap;
  for (const auto& [anchor, loss] : saturating.losses) {
    anchors.emplace(loss, anchor);
    tap.wanted.insert(loss);
    counts.try_emplace(anchor);
  }
  tap.on_value = [&](ir::ValueId id, const ir::Tensor& loss) {
    SaturationCount& count = counts.at(anchors.at(id));
    count.outputs += loss.count();
    const float* values = loss.data<float>();
    for (std::int64_t i = 0; i < loss.count(); ++i) {
      if (values[i] == 0) continue;
      ++count.saturated;
      count.worst = std::max(count.worst, std::abs(values[i]));
    }
  };
  exact.prepare(saturating.graph)->run(inputs, tap);
}

}  // namespace inc::runtime
