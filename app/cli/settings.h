#pragma once
// Options that several subcommands share.
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/ir/type.h"

namespace inc::cli {

struct Settings {
  std::string config, model, adaptor = "onednn";
  std::vector<std::string> overrides;
  int threads = 0;
  bool json = false, quiet = false, strict = false;
};

CLI::Option* add_config(CLI::App& command, Settings& settings);  ///< --config, --set, --strict
void add_model(CLI::App& command, Settings& settings);
void add_execution(CLI::App& command, Settings& settings);  ///< --threads, --adaptor

/// From "input=1x3x224x224" each. Throws ConfigError.
std::map<std::string, ir::Shape> shapes_of(const std::vector<std::string>& texts);

/// Sets threads and verbosity, reads the configuration with its overrides; --model wins over model.path and is relative
/// to the working directory. Says what is not honoured; with --strict, throws ConfigError instead.
config::Config configured(const Settings& settings);
/// Threads and verbosity only, for commands without a configuration. Where neither --threads nor OMP_NUM_THREADS says how
/// many, a cgroup's quota of CPU time counts like cores.
void prepare(const Settings& settings);
/// Keeps this process on as many cores as there are threads, of one NUMA node where they fit; for timing.
void pin_threads();
/// The subcommand `evaluate`, which `benchmark --mode accuracy` is too.
ExitCode evaluate(const Settings& settings);

}  // namespace inc::cli
