#pragma once
// One model, one instance, timed.
#include <map>
#include <string>
#include <vector>

#include "core/eval/dataset.h"
#include "core/runtime/adaptor.h"

namespace inc::app {

struct BenchmarkOptions {
  std::int64_t batch = 1;
  std::map<std::string, ir::Shape> shapes;  ///< per input, overrides batch and symbolic dimensions
  std::string precision;  ///< "" as the model is; "int8" takes the ranges of the benchmark's inputs; "bf16", "int8+bf16"
  double seconds = 5;
  std::int64_t warmup = 5, iterations = -1;  ///< -1: as many as fit into `seconds`
  bool profile = false;
};

struct BenchmarkResult {
  std::string precision;
  std::int64_t batch = 0;
  std::vector<double> milliseconds;  ///< of every timed run
  std::vector<runtime::StepProfile> steps;
};

/// Random inputs for the graph: floats uniform in [0, 1), integers 0 or 1. A symbolic first dimension becomes the batch;
/// any other unknown dimension needs an entry in `shapes`. Throws ConfigError.
std::vector<ir::Tensor> random_inputs(const ir::Graph& graph, const BenchmarkOptions& options);

/// `graph` is fused already.
BenchmarkResult benchmark(const ir::Graph& graph, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs,
                          const BenchmarkOptions& options);

}  // namespace inc::app
