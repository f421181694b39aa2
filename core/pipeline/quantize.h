#pragma once
// THE PATH: one model from FP32 to its tuned INT8 form.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/ranks.h"
#include "core/config/config.h"
#include "core/pipeline/supplied.h"
#include "core/report/report.h"
#include "core/runtime/adaptor.h"
#include "core/search/search.h"

namespace inc::pipeline {

/// Names in the output directory.
inline constexpr const char *kJournal = "journal.jsonl", *kCosts = "costs.json", *kSearchCosts = "costs_search.json";
inline constexpr const char *kModel = "model.onnx", *kReport = "report.json", *kReportPage = "report.html";

struct Progress {
  std::string stage;                 ///< "calibrate", "baseline", "tune", …
  std::int64_t done = 0, total = 0;  ///< of the stage's own unit
};

struct QuantizeOptions {
  std::filesystem::path output;  ///< empty: inc_cpp_workspace/<model name>
  bool resume = false;
  std::function<void(const Progress&)> progress = {};
  std::function<void(const search::Observation&, std::size_t)> on_trial = {};  ///< after each trial; numbers start at 1
  std::function<bool()> should_stop = {};
  report::Report::Machine machine = {};  ///< what to say in the report
  Supplied supplied = {};
  const Ranks* ranks = &alone();  ///< what is heavy is shared out among them; only rank 0 writes anything
};

/// Whether any rank was told to stop; all of them ask at the same point.
inline bool stop_requested(const QuantizeOptions& options) {
  return options.ranks->any(options.should_stop && options.should_stop());
}

/// Reads model and data, supplied or named by the configuration, tunes, writes model.onnx, report.json, report.html,
/// journal.jsonl. A missed target is a normal result (report.result.met is false) with the best model written. Of several
/// ranks all call this; model, journal and decisions are those of one process, and only rank 0's report is filled.
report::Report quantize(const config::Config& config, const runtime::Adaptor& adaptor, const QuantizeOptions& options);

}  // namespace inc::pipeline
