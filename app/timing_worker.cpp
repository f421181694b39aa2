#include "app/timing_worker.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/json_text.h"
#include "core/base/error.h"
#include "core/report/report.h"

namespace inc::app {
namespace {

nlohmann::json next(Worker& worker) {
  const std::string line = worker.receive();
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) throw BackendError(fmt::format("{}: '{}' found, expected a JSON object", worker.name(), line));
  return json;
}

void say(const nlohmann::json& json) {
  std::puts(json_text(json, -1).c_str());
  std::fflush(stdout);
}

}  // namespace

TimingWorker::TimingWorker(Worker started) : worker_(std::move(started)) {
  const nlohmann::json ready = next(worker_);
  why_absent = ready.value("absent", "");
  version = ready.value("version", "");
  precision = ready.value("precision", "");
  prepare_ms = ready.value("prepare_ms", 0.0);
  peak_rss_bytes = ready.value("peak_rss_bytes", std::int64_t{0});
  batch = ready.value("batch", std::int64_t{1});
}

void TimingWorker::order(double seconds, std::int64_t runs) {
  worker_.send(fmt::format("run {} {}", seconds, runs));
}

std::vector<double> TimingWorker::answer() {
  const nlohmann::json answer = next(worker_);
  peak_rss_bytes = answer.value("peak_rss_bytes", peak_rss_bytes);
  return answer.value("ms", std::vector<double>{});
}

void serve(const Contender& contender, std::int64_t batch, double load_ms) {
  const VariantResult facts = contender.result({contender.run()}, false);
  say({{"engine", "inc-cpp"},
       {"precision", facts.precision},
       {"batch", batch},
       {"macs", facts.macs},
       {"load_ms", load_ms},
       {"prepare_ms", facts.prepare_ms},
       {"peak_rss_bytes", report::peak_rss_bytes()}});
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream order(line);
    std::string word;
    double seconds = 0;
    std::int64_t runs = 0;
    if (!(order >> word >> seconds >> runs) || word != "run")
      throw ConfigError(fmt::format("order '{}' found, expected: run SECONDS RUNS", line));
    say({{"ms", contender.run_for(seconds, runs)}, {"peak_rss_bytes", report::peak_rss_bytes()}});
  }
}

}  // namespace inc::app
