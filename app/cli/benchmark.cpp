#include "app/benchmark.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "app/cli/benchmark_report.h"
#include "app/cli/benchmark_settings.h"
#include "app/cli/commands.h"
#include "app/json_text.h"
#include "app/session.h"
#include "app/timing_worker.h"
#include "core/eval/factory.h"
#include "core/pipeline/work.h"

namespace inc::cli {
namespace {

const std::vector<std::string> kPrecisions{"fp32", "int8", "bf16", "int8+bf16"};

pipeline::LoadedModel load(const config::Config& config) {
  pipeline::LoadedModel model = pipeline::load_model(config);
  pipeline::follow_bf16_plan(model);
  return model;
}

std::vector<ir::Tensor> inputs_for(const BenchmarkSettings& settings, const config::Config& config, const ir::Graph& graph) {
  if (settings.inputs == "random") return app::random_inputs(graph, settings.options);
  if (settings.config.empty()) throw ConfigError("--inputs data: expected --config with a data set");
  const auto& performance = config.evaluation ? config.evaluation->performance : std::nullopt;
  std::shared_ptr<const eval::Dataset> data;
  if (performance && performance->dataloader)
    data = eval::make_dataset(*performance->dataloader, config.file.parent_path());
  else
    data = pipeline::calibration_task(config).data;
  return app::real_inputs(graph, *data, settings.options.batch);
}

config::Config configuration_of(const BenchmarkSettings& settings) {
  if (!settings.config.empty()) return configured(settings);
  prepare(settings);
  config::Config config;
  config.model.path = (std::filesystem::current_path() / settings.model).string();
  return config;
}

Subject subject(const BenchmarkSettings& settings, const config::Config& config) {
  pin_threads();
  Subject made{app::make_adaptor(settings.adaptor), {}, {}, 0};
  const auto start = std::chrono::steady_clock::now();
  made.model = load(config);
  made.load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  made.inputs = inputs_for(settings, config, made.model.fused);
  return made;
}

/// The precisions of the model, then other models as they are.
std::vector<app::Variant> variants_of(const BenchmarkSettings& settings, const Subject& subject) {
  std::vector<std::string> precisions = settings.compare;
  if (precisions.empty()) precisions.push_back(settings.precision);
  std::vector<app::Variant> variants;
  for (const auto& precision : precisions)
    variants.push_back(app::in_precision(subject.model.fused, *subject.adaptor, subject.inputs, precision));
  if (settings.compare.empty() && !settings.other_models.empty()) variants.front().label = subject.model.name;
  for (const auto& path : settings.other_models) {
    config::Config config;
    config.model.path = (std::filesystem::current_path() / path).string();
    pipeline::LoadedModel other = load(config);
    variants.push_back({other.name, other.fused, other.fused});
  }
  return variants;
}

void check(const BenchmarkSettings& settings) {
  if (settings.config.empty() && settings.model.empty()) throw ConfigError("no model given: expected --model or --config");
  const bool several = !settings.compare.empty() || !settings.other_models.empty();
  if (!settings.compare.empty() && !settings.precision.empty())
    throw ConfigError("--compare names precisions: expected no --precision beside it");
  if (several && settings.peers)
    throw ConfigError("--peers runs beside one variant: expected no --compare, --compare-model");
  if (settings.instances > 0 && (several || settings.peers || settings.options.profile))
    throw ConfigError("--instances times one variant: expected no --compare, --compare-model, --peers, --profile");
  if (settings.instances == 0 && settings.cores_per_instance > 0)
    throw ConfigError("--cores-per-instance: expected --instances");
  if (settings.instances > 0 && settings.threads > 0)
    throw ConfigError("--threads: expected --cores-per-instance, an instance has as many threads as cores");
  if (settings.mode == "accuracy" && settings.config.empty())
    throw ConfigError("--mode accuracy: expected --config with evaluation.accuracy");
}

ExitCode benchmark(BenchmarkSettings& settings) {
  if (!settings.isa.empty()) ::setenv("INC_MAX_ISA", settings.isa.c_str(), 1);
  check(settings);
  if (settings.mode == "accuracy") return evaluate(settings);
  const config::Config config = configuration_of(settings);
  if (!settings.worker) follow(config, settings);
  if (settings.instances > 0) return benchmark_instances(settings);
  settings.options.shapes = shapes_of(settings.shapes);
  const Subject made = subject(settings, config);
  const auto variants = variants_of(settings, made);
  if (settings.worker) {
    const app::Contender contender(variants.front(), *made.adaptor, made.inputs);
    contender.warm_up(settings.options.warmup);
    app::serve(contender, made.batch(), made.load_ms);
    return ExitCode::Met;
  }
  BenchmarkReport report{made.model.name, made.batch(), made.load_ms, {}, false, settings.options.profile};
  report.results = settings.peers ? beside_peers(settings, made, variants.front())
                                  : app::benchmark(variants, *made.adaptor, made.inputs, settings.options);
  report.with_ceiling = (report.profile || report.results.size() > 1) && settings.adaptor == "onednn";
  if (settings.json)
    fmt::print("{}\n", app::json_text(to_json(report)));
  else
    print(report);
  return ExitCode::Met;
}

}  // namespace

void add_benchmark(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("benchmark", "Time a model");
  auto settings = std::make_shared<BenchmarkSettings>();
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const CLI::Range at_least_one(std::int64_t{1}, kMost);
  add_model(*command, *settings);
  add_config(*command, *settings)->description("Configuration (YAML); evaluation.performance says what options do not");
  add_execution(*command, *settings);
  command->add_option("--batch", settings->options.batch, "Batch size")->check(at_least_one)->capture_default_str();
  command->add_option("--shape", settings->shapes, "Shape of an input: name=1x3x224x224")->take_all();
  command
      ->add_option("--precision", settings->precision, "fp32, int8 (ranges of the benchmark's inputs), bf16, or int8+bf16")
      ->check(CLI::IsMember(kPrecisions));
  command->add_option("--compare", settings->compare, "Precisions that take turns: fp32,int8,bf16,int8+bf16")
      ->delimiter(',')
      ->check(CLI::IsMember(kPrecisions));
  command->add_option("--compare-model", settings->other_models, "Another model that takes turns, as it is")->take_all();
  command
      ->add_option("--inputs", settings->inputs,
                   "random, or data: samples of evaluation.performance, or else of the calibration set")
      ->check(CLI::IsMember({"random", "data"}))
      ->capture_default_str();
  command->add_option("--mode", settings->mode, "performance, or accuracy: what `evaluate` does with the configuration")
      ->check(CLI::IsMember({"performance", "accuracy"}))
      ->capture_default_str();
  command->add_option("--isa", settings->isa,
                      "Use no instruction set beyond this one: avx2, avx512_core, avx512_core_vnni, …");
  command->add_option("--duration", settings->options.seconds, "Seconds to measure, for each variant")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--warmup", settings->options.warmup, "Untimed runs before")
      ->check(CLI::Range(std::int64_t{0}, kMost))
      ->capture_default_str();
  command->add_option("--iterations", settings->options.iterations, "Timed runs (default: as many as fit into the duration)")
      ->check(at_least_one);
  command->add_option("--instances", settings->instances, "Processes that run at the same time, pinned by NUMA node")
      ->check(at_least_one);
  command
      ->add_option("--cores-per-instance", settings->cores_per_instance,
                   "Cores, and threads, of each (default: all cores shared out)")
      ->check(at_least_one);
  command->add_flag("--peers", settings->peers,
                    "onnxruntime and OpenVINO in turn with ours ($INC_CPP_PYTHON or python3 must have them)");
  command->add_flag("--worker", settings->worker)->group("");
  command->add_flag("--profile", settings->options.profile, "Time, kernel, ISA, precision and GOP/s of every operator");
  command->add_flag("--json", settings->json, "Print one JSON object");
  settings->given = [command](const char* option) { return command->count(option) > 0; };
  command->callback([settings, &chosen] { chosen.run = [settings] { return benchmark(*settings); }; });
}

}  // namespace inc::cli
