#pragma once
// One function per subcommand: it registers its options and, when chosen, sets `run`.
#include <CLI/CLI.hpp>
#include <functional>

#include "core/base/error.h"

namespace inc::cli {

/// What main() does after parsing.
struct Chosen {
  std::function<ExitCode()> run;
};

void add_quantize(CLI::App& app, Chosen& chosen);
void add_evaluate(CLI::App& app, Chosen& chosen);
void add_benchmark(CLI::App& app, Chosen& chosen);
void add_inspect(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_compare(CLI::App& app, Chosen& chosen);
void add_launch(CLI::App& app, Chosen& chosen);
void add_list(CLI::App& app, Chosen& chosen);
void add_schema(CLI::App& app, Chosen& chosen);

}  // namespace inc::cli
