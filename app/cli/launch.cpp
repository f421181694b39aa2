#include "app/launch.h"

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/limits.h"
#include "app/topology.h"
#include "core/base/log.h"

namespace inc::cli {
namespace {

struct LaunchSettings {
  app::LaunchOptions options;
  app::RunOptions run;
  std::vector<std::string> command;
  bool dry_run = false;
};

ExitCode launch(const LaunchSettings& settings) {
  const app::LaunchPlan plan = app::plan_launch(app::this_machine(), settings.options, app::Host(), app::environment());
  const int wanted = static_cast<int>(plan.instances.size()) * plan.cores_each;
  if (const app::CpuLimit limit = app::cpu_limit(); wanted > limit.cpus)
    log::warning(fmt::format("{} cores wanted; this process has {}", wanted, limit.text()));
  fmt::print(settings.dry_run ? stdout : stderr, "{}", app::to_text(plan, settings.command));
  if (settings.dry_run) return ExitCode::Met;
  return static_cast<ExitCode>(app::run_launch(plan, settings.command, settings.run));
}

}  // namespace

void add_launch(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("launch", "Several copies of a program at once, each on cores of its own");
  auto settings = std::make_shared<LaunchSettings>();
  command->add_option("--instances", settings->options.instances, "Copies")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--cores-per-instance", settings->options.cores_each, "Cores of each (default: all cores shared out)")
      ->check(CLI::Range(1, 4096));
  command->add_flag("--numa", settings->options.numa, "Memory only from the NUMA nodes of the cores");
  command->add_option("--allocator", settings->options.allocator, "Preloaded: jemalloc, tcmalloc, or default: none")
      ->check(CLI::IsMember({"jemalloc", "tcmalloc", "default"}))
      ->capture_default_str();
  command->add_flag("--keep-going", settings->run.keep_going,
                    "When one fails the others run on; otherwise they are stopped");
  command->add_flag("--dry-run", settings->dry_run, "Say what would be set, start nothing");
  command->add_option("command", settings->command, "Behind --: program and arguments; {instance} becomes the number")
      ->required();
  command->footer("The exit code is that of the first copy that fails, or 0.");
  command->callback([settings, &chosen] { chosen.run = [settings] { return launch(*settings); }; });
}

}  // namespace inc::cli
