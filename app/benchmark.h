#pragma once
// Variants of a model, timed in turn.
#include <map>
#include <string>
#include <vector>

#include "core/eval/dataset.h"
#include "core/runtime/adaptor.h"

namespace inc::app {

struct BenchmarkOptions {
  std::int64_t batch = 1;
  std::map<std::string, ir::Shape> shapes;   ///< per input, overrides batch and symbolic dimensions
  double seconds = 5;                        ///< of measuring, for each variant; at least ten rounds are run
  std::int64_t warmup = 5, iterations = -1;  ///< rounds; -1: as many as fit into `seconds`
  bool profile = false;
};

/// Random inputs for the graph: floats uniform in [0, 1), integers 0 or 1. A symbolic first dimension becomes the batch;
/// any other unknown dimension needs an entry in `shapes`. Throws ConfigError.
std::vector<ir::Tensor> random_inputs(const ir::Graph& graph, const BenchmarkOptions& options);
/// The first samples of a data set as one batch; a fixed batch of the model wins. Throws DataError.
std::vector<ir::Tensor> real_inputs(const ir::Graph& graph, const eval::Dataset& data, std::int64_t batch);

/// A graph that is executed.
struct Variant {
  std::string label;
  ir::Graph graph;
  ir::Graph without_bf16;  ///< the same before values were cast to BF16: what other engines can read
};
/// What the graph computes in: "fp32", "int8", "bf16" or "int8+bf16".
std::string precision_of(const ir::Graph& graph);
/// `fused` with everything possible in the named precision; INT8 takes the ranges of `inputs`. "": as it is. Throws
/// ConfigError for another precision of a graph that is quantized or cast already.
Variant in_precision(const ir::Graph& fused, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs,
                     const std::string& precision);

struct VariantResult {
  std::string label, precision;
  std::vector<double> milliseconds;  ///< of every timed run, in order
  std::vector<double> rounds;        ///< milliseconds in each round, in which all variants took their turn
  double prepare_ms = 0;             ///< preparing and first run, less a usual run
  std::int64_t macs = 0;             ///< of one run (core/ops/macs.h)
  std::vector<runtime::StepProfile> steps = {};
  std::string version = {}, why_absent = {};  ///< of another engine; why it has no timings
  std::int64_t peak_rss_bytes = 0;            ///< of another engine's process
  double gops(double ms) const { return 2e-6 * static_cast<double>(macs) / ms; }
};

/// A variant made ready to run.
class Contender {
 public:
  Contender(const Variant& variant, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs);
  void warm_up(std::int64_t runs) const;
  double run() const;  ///< milliseconds
  /// Milliseconds of each of `runs` runs; where that is negative, of as many as fit into the seconds, but at least one.
  std::vector<double> run_for(double seconds, std::int64_t runs) const;
  /// With the given timings, and the steps where `profile` asks for them.
  VariantResult result(std::vector<double> milliseconds, bool profile) const;

 private:
  std::string label_, precision_;
  const std::vector<ir::Tensor>& inputs_;
  std::unique_ptr<const runtime::Executable> executable_;
  double first_ms_ = 0;
};

/// Runs the variants in turn (A B A B …), so that what disturbs the machine hits all alike.
std::vector<VariantResult> benchmark(const std::vector<Variant>& variants, const runtime::Adaptor& adaptor,
                                     const std::vector<ir::Tensor>& inputs, const BenchmarkOptions& options);

}  // namespace inc::app
