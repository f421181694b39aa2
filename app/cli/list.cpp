#include <fmt/format.h>

#include <cstdio>

#include "app/cli/commands.h"
#include "core/eval/factory.h"
#include "core/ops/ops.h"
#include "strategies/registry.h"

namespace inc::cli {
namespace {

void print_rows(std::span<const eval::FactoryRow> rows) {
  for (const auto& row : rows) fmt::print("{:<22} {:<40} {}\n", row.name, row.parameters, row.summary);
}

std::string_view name_of(ops::QuantRole role) {
  switch (role) {
    case ops::QuantRole::Anchor:
      return "int8 kernel";
    case ops::QuantRole::PassThrough:
      return "passes int8";
    case ops::QuantRole::SharedInputs:
      return "joins int8";
    case ops::QuantRole::Float:
      return "float";
  }
  return "";
}

std::string_view name_of(ops::Bf16Policy policy) {
  switch (policy) {
    case ops::Bf16Policy::Allow:
      return "bf16: allow";
    case ops::Bf16Policy::Infer:
      return "bf16: infer";
    case ops::Bf16Policy::Deny:
      return "bf16: deny";
  }
  return "";
}

ExitCode list(const std::string& what) {
  if (what == "strategies")
    for (const auto& row : strategies::registry()) fmt::print("{:<12} {}\n", row.name, row.summary);
  if (what == "metrics") print_rows(eval::metric_rows());
  if (what == "datasets") print_rows(eval::dataset_rows());
  if (what == "transforms") print_rows(eval::transform_rows());
  if (what == "operators")
    for (const auto& row : ops::table()) fmt::print("{:<34} {:<12} {}\n", row.name, name_of(row.quant), name_of(row.bf16));
  return ExitCode::Met;
}

}  // namespace

void add_list(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("list", "What there is, by name");
  auto what = std::make_shared<std::string>();
  command->add_option("what", *what, "strategies | metrics | datasets | transforms | operators")
      ->required()
      ->check(CLI::IsMember({"strategies", "metrics", "datasets", "transforms", "operators"}));
  command->callback([what, &chosen] { chosen.run = [what] { return list(*what); }; });
}

}  // namespace inc::cli
