#include <fmt/format.h>

#include "app/cli/benchmark_settings.h"
#include "app/topology.h"
#include "core/base/log.h"

namespace inc::cli {
namespace {

void follow_instances(const config::PerformanceConfigs& configs, BenchmarkSettings& settings) {
  const bool one_variant = settings.compare.empty() && settings.other_models.empty() && !settings.peers;
  if (!one_variant || settings.options.profile || settings.threads > 0 || settings.instances > 0) return;
  if (!configs.cores_per_instance && configs.num_of_instance == 1) return;
  const int available = app::this_machine().cores();
  auto instances = static_cast<std::int64_t>(configs.num_of_instance);
  auto cores = configs.cores_per_instance.value_or(std::max<std::int64_t>(1, available / instances));
  if (instances > available || cores > available / instances) {
    log::warning(
        fmt::format("evaluation.performance.configs: num_of_instance {}, cores_per_instance {}: only {} cores are here; "
                    "one instance runs",
                    instances, cores, available));
    instances = 1;
    cores = std::min<std::int64_t>(cores, available);
  }
  settings.instances = static_cast<int>(instances);
  settings.cores_per_instance = static_cast<int>(cores);
}

}  // namespace

void follow(const config::Config& config, BenchmarkSettings& settings) {
  if (!config.evaluation || !config.evaluation->performance) return;
  const config::PerformanceEvaluation& performance = *config.evaluation->performance;
  if (!settings.given("--warmup")) settings.options.warmup = performance.warmup;
  if (!settings.given("--iterations") && !settings.given("--duration") && performance.iteration > 0)
    settings.options.iterations = performance.iteration;
  if (performance.dataloader) {
    if (!settings.given("--batch")) settings.options.batch = performance.dataloader->batch_size;
    if (!settings.given("--inputs") && settings.shapes.empty() && performance.dataloader->dataset) settings.inputs = "data";
  }
  follow_instances(performance.configs, settings);
}

}  // namespace inc::cli
