#include <fmt/format.h>

#include <cstdio>

#include "app/cli/commands.h"
#include "core/config/config.h"

namespace inc::cli {

void add_schema(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("schema", "The reference of the YAML file: a JSON schema, or a Markdown page");
  auto markdown = std::make_shared<bool>(false);
  command->add_flag("--markdown", *markdown, "A Markdown page");
  command->callback([markdown, &chosen] {
    chosen.run = [markdown] {
      fmt::print("{}", *markdown ? config::schema_markdown() : config::schema_json());
      return ExitCode::Met;
    };
  });
}

}  // namespace inc::cli
