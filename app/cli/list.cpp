#include "kernels/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/operators.h"
#include "app/session.h"
#include "core/eval/factory.h"
#include "core/ops/ops.h"
#include "kernels/isa.h"
#include "strategies/registry.h"

namespace inc::cli {
namespace {

/// Lines of at most 100 columns, the text in a column of its own.
void print_wrapped(std::string_view name, std::string_view text) {
  constexpr std::size_t kLeft = 21, kWidth = 100 - kLeft;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > kWidth) {
      end = text.rfind(' ', kWidth);
      if (end == 0 || end == std::string_view::npos) end = kWidth;
    }
    fmt::print("{:<{}}{}\n", name, kLeft, text.substr(0, end));
    name = {};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void print_rows(std::span<const eval::FactoryRow> rows) {
  for (const auto& row : rows) {
    print_wrapped(row.name, row.summary);
    print_wrapped({}, row.parameters.empty() ? "" : fmt::format("- {}", row.parameters));
  }
}

std::string_view name_of(ops::QuantRole role) {
  switch (role) {
    case ops::QuantRole::Anchor:
      return "quantized";
    case ops::QuantRole::PassThrough:
      return "passes on";
    case ops::QuantRole::SharedInputs:
      return "joins";
    case ops::QuantRole::Float:
      return "never";
  }
  return "";
}

std::string_view name_of(ops::Bf16Policy policy) {
  switch (policy) {
    case ops::Bf16Policy::Allow:
      return "allow";
    case ops::Bf16Policy::Infer:
      return "infer";
    case ops::Bf16Policy::Deny:
      return "deny";
  }
  return "";
}

void print_operators() {
  fmt::print("On {}. native: kernels of that precision; converted: another precision's kernels\n", app::machine().isa);
  fmt::print("between conversions, or rounded; scalar: one element at a time; -: no such values, or not tried.\n");
  fmt::print("A usual form of each operator was tried; tuning: what quantization may do with it.\n\n");
  fmt::print("{:<28} {:<10} {:<10} {:<10} {:<12} {}\n", "operator", "fp32", "bf16", "int8", "tuning int8", "tuning bf16");
  for (const auto& row : app::operator_support(*app::make_adaptor())) {
    const ops::OpInfo& info = ops::info(row.op);
    fmt::print("{:<28} {:<10} {:<10} {:<10} {:<12} {}\n", row.op, app::name_of(row.fp32), app::name_of(row.bf16),
               app::name_of(row.int8), name_of(info.quant), name_of(info.bf16));
  }
}

void print_kernels() {
  app::make_adaptor();
  fmt::print("Our own kernels and the instruction sets they exist for; the best that the CPU has runs, here {}{}.\n\n",
             kernels::isa_name(), kernels::has_vnni() ? " with VNNI" : "");
  std::string_view family;
  for (const auto& variant : kernels::list()) {
    if (variant.family != family) fmt::print("{}{:<14}", family.empty() ? "" : "\n", variant.family);
    family = variant.family;
    fmt::print(" {}", variant.isa);
  }
  fmt::print("\n");
}

ExitCode list(const std::string& what) {
  if (what == "strategies")
    for (const auto& row : strategies::registry()) fmt::print("{:<12} {}\n", row.name, row.summary);
  if (what == "metrics") print_rows(eval::metric_rows());
  if (what == "datasets") print_rows(eval::dataset_rows());
  if (what == "transforms") print_rows(eval::transform_rows());
  if (what == "postprocess") print_rows(eval::postprocess_rows());
  if (what == "operators") print_operators();
  if (what == "kernels") print_kernels();
  return ExitCode::Met;
}

}  // namespace

void add_list(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("list", "What there is, by name");
  auto what = std::make_shared<std::string>();
  command->add_option("what", *what, "strategies | metrics | datasets | transforms | postprocess | operators | kernels")
      ->required()
      ->check(CLI::IsMember({"strategies", "metrics", "datasets", "transforms", "postprocess", "operators", "kernels"}));
  command->callback([what, &chosen] { chosen.run = [what] { return list(*what); }; });
}

}  // namespace inc::cli
