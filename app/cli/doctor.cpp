#include "app/doctor.h"

#include <fmt/format.h>

#include "app/cli/commands.h"

namespace inc::cli {
namespace {

struct DoctorSettings {
  app::DoctorOptions options;
  bool json = false, no_probe = false;
};

ExitCode doctor(DoctorSettings settings) {
  settings.options.probe = !settings.no_probe;
  const app::Diagnosis diagnosis = app::diagnose(settings.options);
  fmt::print("{}", settings.json ? app::to_json(diagnosis) + "\n" : app::to_text(diagnosis));
  return ExitCode::Met;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("doctor", "What this machine can do, what holds it back, and what to change");
  auto settings = std::make_shared<DoctorSettings>();
  command->add_flag("--no-probe", settings->no_probe, "Do not measure speeds (about two seconds)");
  command->add_flag("--json", settings->json, "Print one JSON object");
  command->callback([settings, &chosen] { chosen.run = [settings] { return doctor(*settings); }; });
}

}  // namespace inc::cli
