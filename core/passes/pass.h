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

/// The form of INT8 in an exported model.
/// Qdq: DequantizeLinear → operator → QuantizeLinear, as in the graph. QLinearOps: QLinearConv, QLinearMatMul, and operators
/// that move data directly on it, where a group can be said so. IntegerOps: the same with MatMulInteger and ConvInteger for
/// groups whose input is quantized by DynamicQuantizeLinear. What cannot be said in the format stays Q/DQ; the reasons are
/// among the findings.
enum class ExportFormat : std::uint8_t { Qdq, QLinearOps, IntegerOps };

/// THE ordered lists (pipelines.cpp).
PassManager cleanup_pipeline();  ///< constants folded, identities and dead code gone; plain ONNX in, plain ONNX out
PassManager fusion_pipeline();   ///< cleanup, quantized operators as Q/DQ around floats, then fusions to inc.* groups
/// inc.* groups back to standard ONNX of graph.opset; no inc.* node remains.
PassManager lowering_pipeline(ExportFormat format = ExportFormat::Qdq);
/// Cleanup, and a quantized model back to FP32: activations are not rounded any more (a Relu or Clip that only their levels
/// imply is put back), weights and biases become the FP32 numbers they stand for. Data quantized outside stays (a graph
/// input of bytes).
PassManager strip_quantization_pipeline();
/// Every pass by name, for goldens and tests. nullptr when there is none of that name.
std::unique_ptr<const Pass> find_pass(std::string_view name);
/// The names, in the order of the lists.
std::vector<std::string_view> pass_names();

}  // namespace inc::passes
