#include "core/eval/evaluate.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/progress.h"
#include "app/cli/settings.h"
#include "app/json_text.h"
#include "app/session.h"
#include "core/pipeline/work.h"

namespace inc::cli {

ExitCode evaluate(const Settings& settings) {
  const config::Config config = configured(settings);
  const auto adaptor = app::make_adaptor(settings.adaptor);
  pipeline::LoadedModel model = pipeline::load_model(config);
  pipeline::follow_bf16_plan(model);
  const auto task = pipeline::accuracy_task(config);
  if (!task) throw ConfigError(fmt::format("{}: nothing to evaluate: expected evaluation.accuracy", settings.config));
  const auto executable = adaptor->prepare(model.fused);
  eval::Score score;
  {
    ProgressLine line(!settings.quiet && !settings.json, 0);
    score = eval::evaluate(model.fused, *executable, *task->data, *task->metric,
                           {task->batch_size, task->samples,
                            [&](std::int64_t done, std::int64_t total) {
                              line.update({"evaluate", done, total});
                              return true;
                            }},
                           executable.get());
  }
  const auto parts = task->metric->parts();
  if (settings.json) {
    nlohmann::ordered_json json = {{"model", model.name},
                                   {"metric", task->metric->name()},
                                   {"accuracy", score.value},
                                   {"batch", task->batch_size},
                                   {"samples", score.samples},
                                   {"seconds", score.seconds},
                                   {"model_seconds", score.model_seconds}};
    if (parts.size() > 1)
      for (const eval::Metric* part : parts) json["metrics"][part->name()] = part->value();
    for (const auto& [name, value] : task->metric->details()) json["details"][name] = value;
    fmt::print("{}\n", app::json_text(json));
  } else {
    for (const eval::Metric* part : parts)
      fmt::print("{}: {} {:.6g} on {} samples in {:.2f} s\n", model.name, part->name(), part->value(), score.samples,
                 score.seconds);
    for (const auto& [name, value] : task->metric->details()) fmt::print("  {:<10} {:.6g}\n", name, value);
  }
  return ExitCode::Met;
}

void add_evaluate(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("evaluate", "Measure a model's accuracy");
  auto settings = std::make_shared<Settings>();
  add_config(*command, *settings)->required();
  add_model(*command, *settings);
  add_execution(*command, *settings);
  command->add_flag("--quiet", settings->quiet, "No progress");
  command->add_flag("--json", settings->json, "Print one JSON object");
  command->callback([settings, &chosen] { chosen.run = [settings] { return evaluate(*settings); }; });
}

}  // namespace inc::cli
