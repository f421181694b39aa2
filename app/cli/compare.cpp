#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/progress.h"
#include "app/cli/settings.h"
#include "app/session.h"
#include "core/base/file.h"

namespace inc::cli {
namespace {

constexpr int kBar = 10;

struct CompareSettings : Settings {
  std::string a, b, html;
  std::vector<std::string> shapes;
  std::int64_t samples = 16;
  std::size_t top = 20;
};

std::string decibels(const app::Closeness& closeness) {
  const double db = closeness.sqnr_db();
  if (std::isfinite(db)) return fmt::format("{:.1f}", std::abs(db) < 0.05 ? 0.0 : db);
  return db > 0 ? "equal" : closeness.finite ? "-inf" : "NaN";
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.3g} %", 100 * share) : "n/a";
}

std::string error_text(const app::Closeness& closeness) {
  return closeness.finite ? percent(closeness.relative()) : "NaN";
}

std::string bar(double value, double most) {
  const double share = !std::isfinite(value) ? 1 : most > 0 ? value / most : 0;
  const int length = static_cast<int>(std::lround(kBar * std::min(1.0, share)));
  std::string text;
  for (int i = 0; i < kBar; ++i) text += i < length ? "█" : " ";
  return text;
}

void print_outputs(const app::Comparison& found) {
  fmt::print("{} against {}: {} samples of {}\n", found.b, found.a, found.samples, found.inputs);
  fmt::print("{} of {} operators compared\n\n", found.ops.size(), found.operators);
  fmt::print("{:<40} {:>10} {:>10} {:>12} {:>12}\n", "output", "SQNR dB", "cosine", "max error", "of its range");
  for (const auto& output : found.outputs)
    fmt::print("{:<40} {:>10} {:>10.6f} {:>12.4g} {:>12}\n", output.name, decibels(output.total), output.total.cosine(),
               output.total.largest, percent(output.total.of_range()));
}

/// Errors are roots of noise over signal.
void print_ops(const app::Comparison& found, std::size_t top) {
  const auto shown = std::min(top, found.ops.size());
  fmt::print(
      "\nWorst first. effect: error of A's outputs if this operator alone is B's. own: error that B's operator adds, fed\n");
  fmt::print("with A's values; in dB: of inputs and weights as B quantizes them; total: in a run of B.\n\n");
  fmt::print("{:>8} {:<{}} {:>8} {:>6} {:>6} {:>7} {:>6}  {}\n", "effect", "", kBar, "own", "dB", "inputs", "weights",
             "total", "operator");
  double most = 0;
  for (const auto& op : found.ops)
    if (std::isfinite(op.severity())) most = std::max(most, op.severity());
  const auto part = [](const std::optional<app::Closeness>& closeness) { return closeness ? decibels(*closeness) : ""; };
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& op = found.ops[i];
    fmt::print("{:>8} {} {:>8} {:>6} {:>6} {:>7} {:>6}  {} ({}, {})\n", op.effect ? error_text(*op.effect) : "",
               bar(op.severity(), most), error_text(op.own), decibels(op.own), part(op.input), part(op.weight),
               decibels(op.total), op.name, op.op_type, op.precision);
    if (!op.why_not_own.empty()) fmt::print("{:>40}  own error estimated: {}\n", "", op.why_not_own);
  }
  if (shown < found.ops.size()) fmt::print("… and {} more (--top {})\n", found.ops.size() - shown, found.ops.size());
}

void print_rest(const app::Comparison& found) {
  if (!found.unmatched.empty()) fmt::print("\nnot compared\n");
  for (const auto& op : found.unmatched) fmt::print("  {} ({}): {}\n", op.name, op.op_type, op.why);
  if (!found.notes.empty()) fmt::print("\n");
  for (const auto& note : found.notes) fmt::print("{}\n", note);
}

app::CompareOptions options_of(const CompareSettings& settings) {
  app::CompareOptions options;
  options.a = settings.a;
  options.b = settings.b;
  options.samples = settings.samples;
  options.adaptor = settings.adaptor;
  options.shapes = shapes_of(settings.shapes);
  if (settings.config.empty())
    prepare(settings);
  else
    options.config = configured(settings);
  return options;
}

ExitCode compare(const CompareSettings& settings) {
  app::CompareOptions options = options_of(settings);
  app::install_stop_signals();
  options.should_stop = app::stop_requested;
  app::Comparison found;
  {
    ProgressLine line(!settings.quiet && !settings.json, 0);
    options.progress = [&](std::int64_t done, std::int64_t total) { line.update({"compare", done, total}); };
    found = app::compare(options);
  }
  if (!settings.html.empty()) write_file_atomically(settings.html, app::to_html(found));
  if (settings.json) {
    fmt::print("{}\n", app::to_json(found));
    return ExitCode::Met;
  }
  print_outputs(found);
  print_ops(found, settings.top);
  print_rest(found);
  return ExitCode::Met;
}

}  // namespace

void add_compare(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("compare", "Which operators of a model differ from those of another form of it");
  auto settings = std::make_shared<CompareSettings>();
  command->add_option("A", settings->a, "ONNX model: the reference")->required();
  command->add_option("B", settings->b, "ONNX model: the form that is held against it")->required();
  add_config(*command, *settings)->description("Configuration (YAML) whose evaluation data are the inputs");
  command->add_option("--samples", settings->samples, "At most so many samples")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--shape", settings->shapes, "Shape of a synthetic input: input=1x3x224x224")->take_all();
  command->add_option("--top", settings->top, "Operators to print")->capture_default_str();
  command->add_option("--html", settings->html, "Write a page, with all operators, into this file");
  add_execution(*command, *settings);
  command->add_flag("--quiet", settings->quiet, "No progress");
  command->add_flag("--json", settings->json, "Print one JSON object");
  command->callback([settings, &chosen] { chosen.run = [settings] { return compare(*settings); }; });
}

}  // namespace inc::cli
