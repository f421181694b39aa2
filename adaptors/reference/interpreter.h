#pragma once
// A graph evaluated node by node, each value dropped after its last use.
#include <map>

#include "core/runtime/adaptor.h"

namespace inc::reference {

class Interpreter final : public runtime::Executable {
 public:
  /// The graph's operators are all in the table and supported.
  explicit Interpreter(const ir::Graph& graph);
  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const override;
  std::unique_ptr<const runtime::Trace> trace(std::span<const ir::Tensor> inputs, const std::set<ir::ValueId>& replaceable,
                                              const runtime::TapSink& tap) const override;
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor> inputs, int iterations) const override;

 private:
  using OnStep = std::function<void(std::size_t step, double milliseconds)>;
  struct Step {
    ir::NodeId node;
    std::vector<ir::ValueId> last_uses;  ///< values nobody needs after this step
  };
  void check_inputs(std::span<const ir::Tensor> inputs) const;
  std::vector<ir::Tensor> execute(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap,
                                  const OnStep& on_step) const;

  ir::Graph graph_;
  std::vector<Step> steps_;
};

}  // namespace inc::reference
