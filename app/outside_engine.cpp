#include "app/outside_engine.h"

#include <fmt/format.h>

#include "adaptors/callback/adaptor.h"
#include "app/session.h"
#include "core/base/error.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"

namespace inc::app {
namespace {

class OutsideExecutable final : public runtime::Executable {
 public:
  OutsideExecutable(std::string name, OutsideModel model, std::size_t outputs)
      : name_(std::move(name)), model_(std::move(model)), outputs_(outputs) {}

  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink&) const override {
    std::vector<ir::Tensor> out = model_(inputs);
    if (out.size() != outputs_)
      throw BackendError(fmt::format("{} returned {} outputs: expected {}", name_, out.size(), outputs_));
    return out;
  }
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor>, int) const override { return {}; }

 private:
  std::string name_;
  OutsideModel model_;
  std::size_t outputs_;
};

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor(const OutsideEngine& engine) {
  const auto prepare = [engine](const ir::Graph& graph) -> std::unique_ptr<const runtime::Executable> {
    ir::Graph lowered = graph;
    passes::lowering_pipeline().run(lowered);
    return std::make_unique<OutsideExecutable>(engine.name, engine.load(onnx_io::export_bytes(lowered)),
                                               graph.outputs().size());
  };
  return callback::make_adaptor({engine.name, engine.version, prepare}, make_adaptor());
}

}  // namespace inc::app
