#include "app/cli/settings.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "app/limits.h"
#include "app/topology.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/parallel.h"

namespace inc::cli {
namespace {

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

}  // namespace

CLI::Option* add_config(CLI::App& command, Settings& settings) {
  command.add_option("--set", settings.overrides, "Override one configuration key: key.path=value")->take_all();
  command.add_flag("--strict", settings.strict, "What the configuration asks for and is not honoured is an error");
  return command.add_option("--config", settings.config, "Configuration (YAML)");
}

void add_model(CLI::App& command, Settings& settings) {
  command.add_option("--model", settings.model, "ONNX model; wins over model.path of the configuration");
}

void add_execution(CLI::App& command, Settings& settings) {
  command.add_option("--threads", settings.threads, "Threads (default: all cores)")->check(CLI::Range(1, 4096));
  command
      .add_option("--adaptor", settings.adaptor,
                  "onednn, or reference (scalar, exact, slow); onednn-avx2, reference-avx2: as on a CPU without VNNI")
      ->capture_default_str();
}

std::map<std::string, ir::Shape> shapes_of(const std::vector<std::string>& texts) {
  std::map<std::string, ir::Shape> shapes;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw ConfigError(fmt::format("--shape: '{}' found, expected input=1x3x224x224", text));
    shapes[text.substr(0, equals)] = parse_shape(text.substr(equals + 1), text);
  }
  return shapes;
}

void prepare(const Settings& settings) {
  if (settings.threads > 0) set_threads(settings.threads);
  log::set_level(settings.quiet ? log::Level::Error : log::Level::Info);
  const app::CpuLimit limit = app::cpu_limit();
  if (settings.threads == 0 && limit.cpus < threads() && std::getenv("OMP_NUM_THREADS") == nullptr) set_threads(limit.cpus);
  if (settings.threads > limit.cpus)
    log::warning(fmt::format("--threads {}: this process has {}; more threads only wait for each other", settings.threads,
                             limit.text()));
}

void pin_threads() {
  try {
    const app::Topology topology = app::this_machine();
    if (threads() < topology.cores()) app::pin_to(app::place(topology, 1, threads()).front());
  } catch (const BackendError& error) {
    log::warning(fmt::format("not pinned: {}", error.what()));
  }
}

config::Config configured(const Settings& settings) {
  prepare(settings);
  std::vector<config::Override> overrides;
  for (const auto& text : settings.overrides) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw ConfigError("--set: '" + text + "' found, expected key.path=value");
    overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  config::Config config = config::read_config(settings.config, overrides);
  if (!settings.model.empty()) config.model.path = (std::filesystem::current_path() / settings.model).string();
  if (settings.strict) config::require_honoured(config);
  for (const auto& item : config.not_honoured) log::warning(item.sentence());
  return config;
}

}  // namespace inc::cli
