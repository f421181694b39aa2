#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/job.h"
#include "app/cli/progress.h"
#include "app/cli/settings.h"
#include "app/session.h"

namespace inc::cli {
namespace {

constexpr const char* kEndedAtOnce =
    "\nerror: ended at once by a second signal; what is on the disk is whole, and --resume goes on behind the last trial\n";

struct QuantizeSettings : Settings {
  std::string output;
  std::string profile_from;
  bool resume = false;
};

/// Without what was said before the work started.
void print_notes(const report::Report& report, const config::Config& config) {
  for (const auto& choice : report.choices) fmt::print("{}\n", report::sentence(choice));
  const auto& said = config.not_honoured;
  for (const auto& note : report.notes) {
    const bool again = std::any_of(said.begin(), said.end(), [&](const auto& item) { return item.sentence() == note; });
    if (!again) fmt::print("{}\n", note);
  }
}

ExitCode quantize(QuantizeSettings settings) {
  const Ranks& ranks = join_job();
  settings.quiet = settings.quiet || !ranks.first();
  config::Config config = configured(settings);
  if (!settings.profile_from.empty())
    config.tuning.cost_model.profile_from = (std::filesystem::current_path() / settings.profile_from).string();
  const auto adaptor = app::make_adaptor(settings.adaptor);
  app::install_stop_signals(ranks.first() ? kEndedAtOnce : "");
  report::Report report;
  {
    ProgressLine line(!settings.quiet, config.tuning.exit_policy.max_trials, config.tuning.exit_policy.timeout);
    pipeline::QuantizeOptions options;
    options.output = settings.output;
    options.resume = settings.resume;
    options.progress = [&](const pipeline::Progress& progress) { line.update(progress); };
    options.on_trial = [&](const search::Observation& seen, std::size_t number) { line.trial(seen, number); };
    options.should_stop = app::stop_requested;
    options.machine = app::machine();
    options.ranks = &ranks;
    report = pipeline::quantize(config, *adaptor, options);
  }
  if (!ranks.first()) return ExitCode::Met;
  if (settings.json) {
    fmt::print("{}\n", report::to_json(report));
  } else if (!settings.quiet) {
    fmt::print("{}\n{}\n", report::statistics_table(report.statistics), report::result_table(report));
    for (const auto& range : report.ranges) fmt::print("{}\n", report::sentence(range));
    if (report.correction) fmt::print("{}\n", report::sentence(*report.correction));
    print_notes(report, config);
    fmt::print("target {} ({})\n", report.result.met ? "met" : "MISSED", report.result.target);
    fmt::print("model   {}\nreport  {}\n", (report.directory / "model.onnx").string(),
               (report.directory / "report.html").string());
  }
  return report.result.met ? ExitCode::Met : ExitCode::Missed;
}

}  // namespace

void add_quantize(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("quantize", "Quantize a model to its accuracy target");
  auto settings = std::make_shared<QuantizeSettings>();
  add_config(*command, *settings)->required();
  add_model(*command, *settings);
  command->add_option("--output", settings->output, "Directory for the results (default: inc_cpp_workspace/<model name>)");
  command->add_option("--profile-from", settings->profile_from,
                      "costs.json of another run on this model: decide by its times instead of measuring");
  command->add_flag("--resume", settings->resume, "Continue from the journal in the output directory");
  add_execution(*command, *settings);
  command->add_flag("--quiet", settings->quiet, "Say nothing but errors");
  command->add_flag("--json", settings->json, "Print the report as JSON");
  command->callback([settings, &chosen] { chosen.run = [settings] { return quantize(*settings); }; });
}

}  // namespace inc::cli
