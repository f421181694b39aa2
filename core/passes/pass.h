#pragma once
// Passes and the manager that runs them: verify() after each, reasons recorded.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/passes/pattern.h"

namespace inc::passes {

/// What happened, for `inspect --fusions`, the report and goldens.
struct Finding {
  std::string pass;
  std::string node;     ///< name of the root node
  std::string op_type;
  bool applied = false;
  std::string why_not;  ///< for a near miss
};
using Findings = std::vector<Finding>;

class Pass {
 public:
  virtual ~Pass() = default;
  virtual std::string_view name() const = 0;
  /// Whether the graph changed. Appends what it did, and near misses, to `findings` when given.
  virtual bool run(ir::Graph& graph, Findings* findings) const = 0;
};

/// A rule applied in topological order until nothing matches.
std::unique_ptr<const Pass> make_pass(Rule rule);

/// Runs passes in order; verifies after each; context notes name pass and node on failure.
class PassManager {
 public:
  explicit PassManager(std::vector<std::unique_ptr<const Pass>> passes);
  void run(ir::Graph& graph, Findings* findings = nullptr) const;
  const std::vector<std::unique_ptr<const Pass>>& passes() const noexcept { return passes_; }

 private:
  std::vector<std::unique_ptr<const Pass>> passes_;
};

/// THE ordered lists (pipelines.cpp).
PassManager cleanup_pipeline();  ///< constants folded, identities and dead code gone; plain ONNX in, plain ONNX out
PassManager fusion_pipeline();   ///< cleanup, then fusions to inc.* groups
PassManager lowering_pipeline(); ///< inc.* groups back to standard ONNX; no inc.* node remains
/// Every pass by name, for goldens and `--set passes.disable`.
std::unique_ptr<const Pass> find_pass(std::string_view name);

}  // namespace inc::passes
