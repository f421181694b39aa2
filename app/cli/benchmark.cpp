#include "app/benchmark.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/cli/commands.h"
#include "app/cli/settings.h"
#include "app/session.h"
#include "core/base/parallel.h"
#include "core/eval/dataset.h"
#include "core/eval/evaluate.h"
#include "core/onnx/onnx_io.h"
#include "core/pipeline/work.h"
#include "core/tuning/latency.h"

namespace inc::cli {
namespace {

struct BenchmarkSettings : Settings {
  app::BenchmarkOptions options;
  std::vector<std::string> shapes;
  std::string isa;
};

ir::Shape parse_shape(const std::string& text, const std::string& whole) {
  ir::Shape shape;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find('x', begin), text.size());
    const std::string number = text.substr(begin, end - begin);
    if (number.empty() || number.size() > 12 || number.find_first_not_of("0123456789") != std::string::npos)
      throw ConfigError(fmt::format("--shape: '{}' found, expected input=1x3x224x224", whole));
    shape.push_back(std::stoll(number));
    begin = end + 1;
  }
  return shape;
}

void parse_shapes(BenchmarkSettings& settings) {
  for (const auto& text : settings.shapes) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw ConfigError(fmt::format("--shape: '{}' found, expected input=1x3x224x224", text));
    settings.options.shapes[text.substr(0, equals)] = parse_shape(text.substr(equals + 1), text);
  }
}

nlohmann::ordered_json steps_json(const std::vector<runtime::StepProfile>& steps) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& s : steps)
    rows.push_back({{"name", s.name},
                    {"op_type", s.op_type},
                    {"precision", s.precision},
                    {"kernel", s.kernel},
                    {"isa", s.isa},
                    {"emulated", s.emulated},
                    {"note", s.note},
                    {"ms", s.milliseconds}});
  return rows;
}

void print_steps(const std::vector<runtime::StepProfile>& steps) {
  const double total =
      std::accumulate(steps.begin(), steps.end(), 0.0, [](double sum, const auto& s) { return sum + s.milliseconds; });
  fmt::print("\n{:>9} {:>6}  {:<18} {:<9} {:<34} {}\n", "ms", "share", "operator", "precision", "kernel", "name");
  for (const auto& s : steps)
    fmt::print("{:9.4f} {:5.1f}%  {:<18} {:<9} {:<34} {}{}\n", s.milliseconds, total > 0 ? 100 * s.milliseconds / total : 0,
               s.op_type, s.precision, s.kernel, s.name, s.emulated ? "  [emulated: " + s.note + "]" : "");
}

void report(const BenchmarkSettings& settings, const std::string& model, const app::BenchmarkResult& result) {
  const auto& ms = result.milliseconds;
  const double mean = std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
  const auto at = [&](double p) { return tuning::percentile(ms, p); };
  const double throughput = 1e3 * static_cast<double>(result.batch) / mean;
  const std::string isa = app::machine().isa;
  if (settings.json) {
    nlohmann::ordered_json json = {
        {"model", model},
        {"precision", result.precision},
        {"isa", isa},
        {"batch", result.batch},
        {"threads", threads()},
        {"instances", 1},
        {"latency_ms", {{"mean", mean}, {"p50", at(0.5)}, {"p90", at(0.9)}, {"p99", at(0.99)}, {"min", at(0)}}},
        {"throughput", throughput},
        {"iterations", ms.size()}};
    if (settings.options.profile) json["ops"] = steps_json(result.steps);
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("{}: {} on {}, batch {}, {} threads, {} runs\n", model, result.precision, isa, result.batch, threads(),
             ms.size());
  fmt::print("latency ms   mean {:.3f}  p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  min {:.3f}\n", mean, at(0.5), at(0.9), at(0.99),
             at(0));
  fmt::print("throughput   {:.1f} samples a second\n", throughput);
  if (settings.options.profile) print_steps(result.steps);
}

ExitCode benchmark(BenchmarkSettings& settings) {
  if (!settings.isa.empty()) ::setenv("INC_MAX_ISA", settings.isa.c_str(), 1);
  parse_shapes(settings);
  if (settings.config.empty() && settings.model.empty()) throw ConfigError("no model given: expected --model or --config");
  config::Config config;
  if (settings.config.empty()) {
    prepare(settings);
    config.model.path = std::filesystem::absolute(settings.model).string();
  } else {
    config = configured(settings);
  }
  const auto adaptor = app::make_adaptor(settings.adaptor);
  pipeline::LoadedModel model = pipeline::load_model(config);
  pipeline::follow_bf16_plan(model);
  const auto inputs = app::random_inputs(model.fused, settings.options);
  const auto result = app::benchmark(model.fused, *adaptor, inputs, settings.options);
  if (settings.options.precision == "fp32" && result.precision != "fp32")
    throw ConfigError("--precision fp32: the model is quantized already");
  report(settings, model.name, result);
  return ExitCode::Met;
}

}  // namespace

void add_benchmark(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("benchmark", "Time a model");
  auto settings = std::make_shared<BenchmarkSettings>();
  add_model(*command, *settings);
  add_config(*command, *settings);
  add_execution(*command, *settings);
  command->add_option("--batch", settings->options.batch, "Batch size")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--shape", settings->shapes, "Shape of an input: name=1x3x224x224")->take_all();
  command
      ->add_option("--precision", settings->options.precision,
                   "fp32, int8 (ranges of the random inputs), bf16, or int8+bf16")
      ->check(CLI::IsMember({"fp32", "int8", "bf16", "int8+bf16"}));
  command->add_option("--isa", settings->isa,
                      "Use no instruction set beyond this one: avx2, avx512_core, avx512_core_vnni, …");
  command->add_option("--duration", settings->options.seconds, "Seconds to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--warmup", settings->options.warmup, "Untimed runs before")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--iterations", settings->options.iterations,
                      "Timed runs (default: as many as fit into the duration)");
  command->add_flag("--profile", settings->options.profile, "Time, kernel, ISA and precision of every operator");
  command->add_flag("--json", settings->json, "Print one JSON object");
  command->callback([settings, &chosen] { chosen.run = [settings] { return benchmark(*settings); }; });
}

}  // namespace inc::cli
