#pragma once
// The execution interface. An adaptor turns a graph (plain, fused or QDQ) into an executable.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"
#include "core/quant/scheme.h"

namespace inc::runtime {

/// Receives chosen intermediate values during a run, each exactly once per run, in no promised order.
struct TapSink {
  std::set<ir::ValueId> wanted;
  std::function<void(ir::ValueId, const ir::Tensor&)> on_value;
  explicit operator bool() const noexcept { return on_value && !wanted.empty(); }
};

/// One executed step, for `benchmark --profile`.
struct StepProfile {
  ir::NodeId node;          ///< of the prepared graph; the anchor, for a group; the reader, for a conversion that it needs
  std::string name;         ///< of the graph node (the anchor, for a fused or quantized group)
  std::string op_type;      ///< as in the report
  std::string precision;    ///< "int8" | "bf16" | "fp32"; what really ran
  std::string kernel;       ///< "onednn:brgconv:avx512_core_vnni", "inc:transpose:scalar", …
  std::string isa;          ///< "avx2", "avx512_core_vnni", …, "scalar"
  bool emulated = false;    ///< INT8 values carried out in FP32, or BF16 rounded in FP32
  std::string note;         ///< why emulated, or empty
  double milliseconds = 0;  ///< median over the profiled runs
  std::int64_t macs = 0;    ///< multiply-adds of the operators in the step (core/ops/macs.h)
};

/// What one run leaves behind, so that a change in its middle costs only what lies behind it. Immutable and thread-safe;
/// outlives the executable that made it.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual const std::vector<ir::Tensor>& outputs() const = 0;
  /// The graph's outputs where the given values are these tensors (of the same dtype and shape). Only what depends on them
  /// is executed, by the steps that made the trace; everything else is as it was. With the values as they were, the outputs
  /// are those of the trace, bit by bit. Throws DataError for a value that is not replaceable or a tensor that does not fit.
  virtual std::vector<ir::Tensor> rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const = 0;
  /// The share of the graph's multiply-adds (core/ops/macs.h) done by what makes the value and by all that depends on it.
  /// 1 where nothing can be counted.
  virtual double share(ir::ValueId value) const = 0;
  /// Memory that is held.
  virtual std::size_t bytes() const = 0;
};

/// A model made ready to run. Immutable and thread-safe: run() may be called from several threads at once.
class Executable {
 public:
  virtual ~Executable() = default;
  /// `inputs` in the order of graph.inputs(). Returns the graph outputs in order. Throws DataError when an input's
  /// dtype or shape does not fit the graph.
  virtual std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const TapSink& tap = {}) const = 0;
  /// Runs `iterations` times on the inputs, after one run that is not timed, and reports every step. Empty when the
  /// adaptor cannot tell.
  virtual std::vector<StepProfile> profile(std::span<const ir::Tensor> inputs, int iterations) const = 0;
  /// Runs once and remembers, so that each of `replaceable` (results of nodes) can be replaced. nullptr where only whole
  /// graphs can be run. The values exist as the graph says, so that what is fused across them elsewhere is not fused here:
  /// the outputs may differ from run()'s by rounding.
  virtual std::unique_ptr<const Trace> trace(std::span<const ir::Tensor> inputs, const std::set<ir::ValueId>& replaceable,
                                             const TapSink& tap = {}) const {
    static_cast<void>(inputs), static_cast<void>(replaceable), static_cast<void>(tap);
    return nullptr;
  }
  /// Frees what the next run can make again: compiled plans, weights in the layouts of kernels. For executables that will
  /// not run for a while. Runs under way are not disturbed.
  virtual void rest() const {}
};

class Adaptor {
 public:
  virtual ~Adaptor() = default;
  /// Whether the node can be executed under that configuration. No side effects; consistent with prepare().
  virtual Support supports(const ir::Graph&, ir::NodeId, const quant::OpConfig&) const = 0;
  /// Throws UnsupportedError naming node and type for an operator it cannot execute.
  virtual std::unique_ptr<const Executable> prepare(const ir::Graph&) const = 0;
  /// Whether this CPU, under the ISA cap, has instructions for that precision: products of 8-bit integers summed exactly
  /// (VNNI, AMX), dot products of BF16. Without them results are the same; BF16 is not faster than FP32, and INT8 is, but
  /// full 8-bit weights take up to 1.3 times the time of pair-bounded ones.
  virtual Support runs_natively(quant::Precision precision) const = 0;
  /// Whether the time that its executables take says how fast a model is. Oracles and imitations of other CPUs: no.
  virtual Support keeps_time() const { return Support::no(std::string(name()) + " is not an engine for deployment"); }
  virtual std::string_view name() const = 0;
  /// Of the engine and of what it is built on: times of one version say little of another.
  virtual std::string version() const { return {}; }
};

}  // namespace inc::runtime
