#include "app/cli/benchmark_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "adaptors/onednn/ceiling.h"
#include "app/session.h"
#include "app/summary.h"
#include "core/base/parallel.h"
#include "core/report/report.h"

namespace inc::cli {
namespace {

using Json = nlohmann::ordered_json;
using Steps = std::vector<runtime::StepProfile>;

std::optional<double> ceiling_of(std::string_view precision) {
  if (precision.find("int8") != std::string_view::npos) return onednn::ceiling_gops(quant::Precision::Int8);
  return onednn::ceiling_gops(precision == "bf16" ? quant::Precision::Bf16 : quant::Precision::Fp32);
}

double samples_per_second(const app::VariantResult& result, std::int64_t batch) {
  return 1e3 * static_cast<double>(batch) / app::summarize(result.milliseconds).mean;
}

Json interval_json(const app::Interval& interval) {
  return {interval.low, interval.high};
}

double gops_of(const runtime::StepProfile& step) {
  return step.milliseconds > 0 ? 2e-6 * static_cast<double>(step.macs) / step.milliseconds : 0;
}

void add_rates(Json& json, const app::VariantResult& result, bool with_ceiling) {
  if (result.macs == 0) return;
  const double gops = result.gops(app::summarize(result.milliseconds).p50);
  json["macs"] = result.macs;
  json["gops"] = gops;
  if (!with_ceiling) return;
  if (const auto ceiling = ceiling_of(result.precision)) {
    json["ceiling_gops"] = *ceiling;
    json["ceiling_share"] = gops / *ceiling;
  }
}

std::string whole_percent(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

void print_latency(const BenchmarkReport& report, std::size_t width) {
  fmt::print("\n{:<{}} {:>10} {:>21} {:>10} {:>10} {:>10} {:>10}\n", "latency ms", width, "p50", "95 % interval", "mean",
             "p90", "p99", "min");
  for (const auto& result : report.results) {
    if (!result.why_absent.empty()) {
      fmt::print("{:<{}}  not measured: {}\n", result.label, width, result.why_absent);
      continue;
    }
    const app::Summary s = app::summarize(result.milliseconds);
    fmt::print("{:<{}} {:>10.3f} {:>21} {:>10.3f} {:>10.3f} {:>10.3f} {:>10.3f}\n", result.label, width, s.p50,
               fmt::format("{:.3f} … {:.3f}", s.p50_interval.low, s.p50_interval.high), s.mean, s.p90, s.p99, s.min);
  }
}

void print_rates(const BenchmarkReport& report, std::size_t width) {
  const bool compared = report.results.size() > 1;
  fmt::print("\n{:<{}} {:>10} {:>10} {:>10} {:>11}", "", width, "samples/s", "GOP/s", "of ceiling", "prepare ms");
  if (compared) fmt::print(" {:>8} {:>15}", "ratio", "95 % interval");
  fmt::print("\n");
  for (const auto& result : report.results) {
    if (!result.why_absent.empty()) continue;
    const double gops = result.gops(app::summarize(result.milliseconds).p50);
    const auto ceiling = report.with_ceiling && result.macs > 0 ? ceiling_of(result.precision) : std::nullopt;
    fmt::print("{:<{}} {:>10.1f} {:>10} {:>10} {:>11.1f}", result.label, width, samples_per_second(result, report.batch),
               result.macs > 0 ? fmt::format("{:.1f}", gops) : "-", ceiling ? whole_percent(gops / *ceiling) : "-",
               result.prepare_ms);
    if (compared) {
      const app::Ratio r = app::ratio(result.rounds, report.results.front().rounds);
      fmt::print(" {:>8.3f} {:>15}", r.value, fmt::format("{:.3f} … {:.3f}", r.interval.low, r.interval.high));
    }
    fmt::print("\n");
  }
}

/// The ISA has a column of its own.
std::string kernel_without_isa(const runtime::StepProfile& step) {
  const std::string tail = ":" + step.isa;
  return step.kernel.ends_with(tail) ? step.kernel.substr(0, step.kernel.size() - tail.size()) : step.kernel;
}

void print_steps(const app::VariantResult& result, bool with_ceiling) {
  const double total = std::accumulate(result.steps.begin(), result.steps.end(), 0.0,
                                       [](double sum, const auto& s) { return sum + s.milliseconds; });
  fmt::print("\n{}\n{:>9} {:>6} {:>6} {:>7}  {:<14} {:<5} {:<22} {:<16} {}\n", result.label, "ms", "share", "GOP/s",
             "ceiling", "operator", "prec.", "kernel", "ISA", "name");
  for (const auto& s : result.steps) {
    const auto ceiling = with_ceiling && s.macs > 0 ? ceiling_of(s.precision) : std::nullopt;
    fmt::print("{:9.4f} {:5.1f}% {:>6} {:>7}  {:<14} {:<5} {:<22} {:<16} {}{}\n", s.milliseconds,
               total > 0 ? 100 * s.milliseconds / total : 0, s.macs > 0 ? fmt::format("{:.0f}", gops_of(s)) : "",
               ceiling ? whole_percent(gops_of(s) / *ceiling) : "", s.op_type, s.precision, kernel_without_isa(s), s.isa, s.name,
               s.emulated ? "  [emulated: " + s.note + "]" : "");
  }
  const auto filtered = [](const auto& s) { return s.kernel.starts_with("inc:winograd"); };
  if (std::any_of(result.steps.begin(), result.steps.end(), filtered))
    fmt::print("GOP/s count the products of the operator's definition; inc:winograd makes a quarter to a half of them.\n");
}

}  // namespace

Json steps_json(const Steps& steps, bool with_ceiling) {
  Json rows = Json::array();
  for (const auto& s : steps) {
    rows.push_back({{"name", s.name},
                    {"op_type", s.op_type},
                    {"precision", s.precision},
                    {"kernel", s.kernel},
                    {"isa", s.isa},
                    {"emulated", s.emulated},
                    {"note", s.note},
                    {"ms", s.milliseconds}});
    if (s.macs == 0) continue;
    rows.back()["gops"] = gops_of(s);
    if (!with_ceiling) continue;
    if (const auto ceiling = ceiling_of(s.precision)) rows.back()["ceiling_share"] = gops_of(s) / *ceiling;
  }
  return rows;
}

Json to_json(const app::VariantResult& result, std::int64_t batch) {
  const app::Summary s = app::summarize(result.milliseconds);
  return {{"precision", result.precision},
          {"latency_ms",
           {{"mean", s.mean},
            {"p50", s.p50},
            {"p50_interval", interval_json(s.p50_interval)},
            {"p50_confidence", s.p50_interval.confidence},
            {"p90", s.p90},
            {"p99", s.p99},
            {"min", s.min}}},
          {"throughput", samples_per_second(result, batch)},
          {"iterations", result.milliseconds.size()},
          {"prepare_ms", result.prepare_ms}};
}

Json to_json(const BenchmarkReport& report) {
  const auto machine = app::machine();
  Json json = {{"model", report.model},     {"cpu", machine.cpu},
               {"isa", machine.isa},        {"batch", report.batch},
               {"threads", threads()},      {"instances", 1},
               {"load_ms", report.load_ms}, {"peak_rss_bytes", report::peak_rss_bytes()}};
  Json variants = Json::array();
  for (const auto& result : report.results) {
    Json variant = {{"label", result.label}};
    if (!result.version.empty()) variant["version"] = result.version;
    if (!result.why_absent.empty()) {
      variant["why_absent"] = result.why_absent;
      variants.push_back(std::move(variant));
      continue;
    }
    if (result.peak_rss_bytes > 0) variant["peak_rss_bytes"] = result.peak_rss_bytes;
    variant.update(to_json(result, report.batch));
    add_rates(variant, result, report.with_ceiling);
    if (report.results.size() > 1) {
      const app::Ratio r = app::ratio(result.rounds, report.results.front().rounds);
      variant["ratio"] = r.value;
      variant["ratio_interval"] = interval_json(r.interval);
    }
    if (report.profile) variant["ops"] = steps_json(result.steps, report.with_ceiling);
    variants.push_back(std::move(variant));
  }
  if (variants.size() == 1)
    json.update(variants.front());
  else
    json["variants"] = std::move(variants);
  return json;
}

void print(const BenchmarkReport& report) {
  const auto machine = app::machine();
  const auto& first = report.results.front();
  fmt::print("{}: {}batch {}, {} {}, {} {}\n{}, {}; loaded in {:.0f} ms, peak memory {:.0f} MB\n", report.model,
             report.results.size() == 1 ? first.precision + ", " : "", report.batch, machine.threads,
             machine.threads == 1 ? "thread" : "threads", first.milliseconds.size(),
             report.results.size() == 1 ? "runs" : "rounds", machine.cpu, machine.isa, report.load_ms,
             1e-6 * static_cast<double>(report::peak_rss_bytes()));
  std::size_t width = 10;
  for (const auto& result : report.results) width = std::max(width, result.label.size());
  width = std::min<std::size_t>(width, 24);
  print_latency(report, width);
  print_rates(report, width);
  if (report.profile)
    for (const auto& result : report.results) print_steps(result, report.with_ceiling);
}

}  // namespace inc::cli
