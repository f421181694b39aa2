#pragma once
// The options of `benchmark`, and its parts.
#include <functional>

#include "app/benchmark.h"
#include "app/cli/settings.h"
#include "core/pipeline/work.h"

namespace inc::cli {

struct BenchmarkSettings : Settings {
  app::BenchmarkOptions options;
  std::vector<std::string> shapes, compare, other_models;
  std::string precision, isa, mode = "performance", inputs = "random";
  int instances = 0, cores_per_instance = 0;
  bool peers = false, worker = false;
  std::function<bool(const char*)> given;  ///< whether an option is on the command line
};

/// Takes evaluation.performance of the configuration where the command line says nothing. Instances and cores that the
/// machine does not have become what it has, with a warning.
void follow(const config::Config& config, BenchmarkSettings& settings);

/// What is timed, and on what.
struct Subject {
  std::unique_ptr<const runtime::Adaptor> adaptor;
  pipeline::LoadedModel model;
  std::vector<ir::Tensor> inputs;
  double load_ms = 0;
  std::int64_t batch() const { return inputs.empty() || inputs[0].rank() == 0 ? 1 : inputs[0].shape()[0]; }
};

/// The variant in turn with other engines, which read the model's own file or the variant written as QDQ. Preparing
/// includes reading the model, as it does in theirs.
std::vector<app::VariantResult> beside_peers(const BenchmarkSettings& settings, const Subject& subject,
                                             const app::Variant& variant);
/// Several processes of this program at once.
ExitCode benchmark_instances(const BenchmarkSettings& settings);

}  // namespace inc::cli
