#include "adaptors/callback/adaptor.h"

#include <fmt/format.h>

#include <mutex>

namespace inc::callback {
namespace {

class CallbackExecutable final : public runtime::Executable {
 public:
  CallbackExecutable(const Engine& engine, const runtime::Adaptor& inner, const ir::Graph& graph)
      : engine_(engine), adaptor_(inner), graph_(graph) {}

  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const override {
    return tap ? inner().run(inputs, tap) : outside().run(inputs);
  }
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor> inputs, int iterations) const override {
    return outside().profile(inputs, iterations);
  }
  std::unique_ptr<const runtime::Trace> trace(std::span<const ir::Tensor> inputs, const std::set<ir::ValueId>& replaceable,
                                              const runtime::TapSink& tap) const override {
    return inner().trace(inputs, replaceable, tap);
  }
  void rest() const override {
    const std::lock_guard lock(mutex_);
    if (inner_) inner_->rest();
  }

 private:
  const runtime::Executable& inner() const {
    const std::lock_guard lock(mutex_);
    if (!inner_) inner_ = adaptor_.prepare(graph_);
    return *inner_;
  }
  const runtime::Executable& outside() const {
    const std::lock_guard lock(mutex_);
    if (!outside_) outside_ = engine_.prepare(graph_);
    return *outside_;
  }

  const Engine engine_;
  const runtime::Adaptor& adaptor_;
  const ir::Graph graph_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const runtime::Executable> inner_, outside_;
};

class CallbackAdaptor final : public runtime::Adaptor {
 public:
  CallbackAdaptor(Engine engine, std::unique_ptr<const runtime::Adaptor> inner)
      : engine_(std::move(engine)),
        inner_(std::move(inner)),
        version_(fmt::format("{}, {}", engine_.version, inner_->version())) {}

  Support supports(const ir::Graph& graph, ir::NodeId node, const quant::OpConfig& config) const override {
    if (config.precision == quant::Precision::Bf16 && !engine_.bf16) return no_bf16();
    return inner_->supports(graph, node, config);
  }
  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph& graph) const override {
    return std::make_unique<CallbackExecutable>(engine_, *inner_, graph);
  }
  Support runs_natively(quant::Precision precision) const override {
    if (precision == quant::Precision::Bf16 && !engine_.bf16) return no_bf16();
    return inner_->runs_natively(precision);
  }
  Support keeps_time() const override { return Support::yes(); }
  std::string_view name() const override { return engine_.name; }
  std::string version() const override { return version_; }

 private:
  Support no_bf16() const { return Support::no(fmt::format("{} has no BF16 arithmetic", engine_.name)); }

  Engine engine_;
  std::unique_ptr<const runtime::Adaptor> inner_;
  std::string version_;
};

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor(Engine engine, std::unique_ptr<const runtime::Adaptor> inner) {
  return std::make_unique<CallbackAdaptor>(std::move(engine), std::move(inner));
}

}  // namespace inc::callback
