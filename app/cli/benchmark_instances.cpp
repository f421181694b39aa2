#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/cli/benchmark_settings.h"
#include "app/instances.h"
#include "app/json_text.h"
#include "app/launch.h"
#include "app/session.h"
#include "app/summary.h"
#include "app/topology.h"

namespace inc::cli {
namespace {

using Json = nlohmann::ordered_json;
using Results = std::vector<app::InstanceResult>;

std::vector<std::string> command_of(const BenchmarkSettings& s, int cores_each) {
  std::vector<std::string> command{"/proc/self/exe", "benchmark", "--worker"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {option, value});
  };
  add("--threads", std::to_string(cores_each));
  add("--model", s.model);
  add("--config", s.config);
  for (const auto& text : s.overrides) add("--set", text);
  for (const auto& text : s.shapes) add("--shape", text);
  add("--batch", std::to_string(s.options.batch));
  add("--warmup", std::to_string(s.options.warmup));
  add("--precision", s.precision);
  add("--inputs", s.inputs);
  add("--adaptor", s.adaptor);
  return command;
}

double summed_throughput(const Results& results) {
  return std::accumulate(results.begin(), results.end(), 0.0,
                         [](double sum, const auto& r) { return sum + r.samples_per_second(); });
}

std::vector<double> all_runs(const Results& results) {
  std::vector<double> all;
  for (const auto& result : results) all.insert(all.end(), result.milliseconds.begin(), result.milliseconds.end());
  return all;
}

Json latency_json(const std::vector<double>& milliseconds) {
  const app::Summary s = app::summarize(milliseconds);
  return {{"mean", s.mean}, {"p50", s.p50}, {"p50_interval", {s.p50_interval.low, s.p50_interval.high}},
          {"p90", s.p90},   {"p99", s.p99}, {"min", s.min}};
}

void print_json(const std::string& model, const Results& results, int cores_each) {
  const auto machine = app::machine();
  Json each = Json::array();
  for (const auto& r : results)
    each.push_back({{"cpus", r.cpus},
                    {"latency_ms", latency_json(r.milliseconds)},
                    {"throughput", r.samples_per_second()},
                    {"iterations", r.milliseconds.size()},
                    {"prepare_ms", r.prepare_ms},
                    {"peak_rss_bytes", r.peak_rss_bytes}});
  const auto all = all_runs(results);
  const Json json = {{"model", model},
                     {"precision", results.front().precision},
                     {"cpu", machine.cpu},
                     {"isa", machine.isa},
                     {"batch", results.front().batch},
                     {"threads", cores_each},
                     {"instances", results.size()},
                     {"cores_per_instance", cores_each},
                     {"latency_ms", latency_json(all)},
                     {"throughput", summed_throughput(results)},
                     {"iterations", all.size()},
                     {"per_instance", each}};
  fmt::print("{}\n", app::json_text(json));
}

void print_table(const std::string& model, const Results& results, int cores_each) {
  const auto machine = app::machine();
  fmt::print("{}: {}, batch {}, {} instances of {} {}\n{}, {}\n", model, results.front().precision, results.front().batch,
             results.size(), cores_each, cores_each == 1 ? "core" : "cores", machine.cpu, machine.isa);
  fmt::print("\n{:<10} {:<12} {:>10} {:>21} {:>9} {:>9} {:>10} {:>8}\n", "instance", "CPUs", "p50 ms", "95 % interval",
             "p90", "p99", "samples/s", "peak MB");
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& r = results[i];
    const app::Summary s = app::summarize(r.milliseconds);
    fmt::print("{:<10} {:<12} {:>10.3f} {:>21} {:>9.3f} {:>9.3f} {:>10.1f} {:>8.0f}\n", i,
               fmt::format("{}", fmt::join(r.cpus, ",")), s.p50,
               fmt::format("{:.3f} … {:.3f}", s.p50_interval.low, s.p50_interval.high), s.p90, s.p99, r.samples_per_second(),
               1e-6 * static_cast<double>(r.peak_rss_bytes));
  }
  const app::Summary s = app::summarize(all_runs(results));
  fmt::print("{:<10} {:<12} {:>10.3f} {:>21} {:>9.3f} {:>9.3f} {:>10.1f}\n", "together", "", s.p50,
             fmt::format("{:.3f} … {:.3f}", s.p50_interval.low, s.p50_interval.high), s.p90, s.p99,
             summed_throughput(results));
}

}  // namespace

ExitCode benchmark_instances(const BenchmarkSettings& settings) {
  const app::LaunchPlan plan = app::plan_launch(app::this_machine(), {settings.instances, settings.cores_per_instance},
                                                app::Host(), app::environment());
  const int cores_each = plan.cores_each;
  const auto results = app::run_instances(command_of(settings, cores_each), plan.instances, settings.options.seconds,
                                          settings.options.iterations);
  const std::string model = std::filesystem::path(settings.model.empty() ? settings.config : settings.model).stem().string();
  if (settings.json)
    print_json(model, results, cores_each);
  else
    print_table(model, results, cores_each);
  return ExitCode::Met;
}

}  // namespace inc::cli
