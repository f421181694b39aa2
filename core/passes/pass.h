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
  std::string node;  ///< name of the root node
  std::string op_type;
  bool applied = false;
  std::string why_not;  ///< for a near miss
  std::string what;     ///< when applied: what was done ("Relu into 'conv1' (Conv)")
  bool operator==(const Finding&) const = default;
};
using Findings = std::vector<Finding>;

class Pass {
 public:
  virtual ~Pass() = default;
  virtual std::string_view name() const = 0;
  /// Whether the graph changed. Appends what it did, and near misses, to `findings` when given.
  virtual bool run(ir::Graph& graph, Findings* findings) const = 0;
};
using PassList = std::vector<std::unique_ptr<const Pass>>;

/// A rule applied in topological order until nothing matches. Near misses are those of the last sweep.
std::unique_ptr<const Pass> make_pass(Rule rule);

/// Runs passes in order, again and again until none changes the graph; verifies after each change; context notes name
/// pass and node on failure. Findings: everything applied, then the near misses that remain in the final graph.
class PassManager {
 public:
  explicit PassManager(PassList passes);
  /// Whether the graph changed.
  bool run(ir::Graph& graph, Findings* findings = nullptr) const;
  const PassList& passes() const noexcept { return passes_; }

 private:
  PassList passes_;
};

/// THE ordered lists (pipelines.cpp).
PassManager cleanup_pipeline();   ///< constants folded, identities and dead code gone; plain ONNX in, plain ONNX out
PassManager fusion_pipeline();    ///< cleanup, then fusions to inc.* groups
PassManager lowering_pipeline();  ///< inc.* groups back to standard ONNX of graph.opset; no inc.* node remains
/// Every pass by name, for goldens and tests. nullptr when there is none of that name.
std::unique_ptr<const Pass> find_pass(std::string_view name);
/// The names, in the order of the lists.
std::vector<std::string_view> pass_names();

}  // namespace inc::passes
