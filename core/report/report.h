#pragma once
// The result of a run: report.json's content as a struct, the statistics table, the HTML page.
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace inc::report {

struct StatisticsRow {
  std::string op_type;
  std::int64_t total = 0, int8 = 0, bf16 = 0, fp32 = 0;
};
/// In this file: not measured.
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct OpRow {
  std::string name, op_type, precision, reason;
  double ms = kUnknown,
         fp32_ms = kUnknown;  ///< a sample, with the conversions that the operator needs: in the result, in FP32
  std::string kernel = {};    ///< that ran it in the result
  /// What the fastest option does to the model's outputs, and to the operator's own, with everything else in FP32: squared
  /// error over the square of FP32's.
  double sensitivity = kUnknown, own_error = kUnknown;
};
struct ParetoRow {
  double accuracy = 0, latency_ms = 0;
  std::string config;                                 ///< "28 int8, 2 fp32"
  std::int64_t model_bytes = 0, footprint_bytes = 0;  ///< of the file, about; of weights and working memory; 0: not known
};
struct TrialRow {
  std::size_t number = 0;
  double accuracy = 0, relative_loss = 0, latency_ms = 0, seconds = 0;
  std::int64_t int8 = 0, bf16 = 0, fp32 = 0;
  bool met = false;
  std::string failed;  ///< reason, empty when complete
  double cost = 0;     ///< the objective, smaller is better
  std::int64_t model_bytes = 0, footprint_bytes = 0;
  double accuracy_low = kUnknown, accuracy_high = kUnknown;  ///< where that of the whole set lies; equal: it was executed
  double divergence = kUnknown;                              ///< of the outputs from FP32's: squared error over square
};

/// How far the ranges of one calibration method are from min-max.
struct RangeRow {
  std::string method;
  std::int64_t values = 0, changed = 0;      ///< tensors in all; with a range of another width
  double median_width = 1, least_width = 1;  ///< width over that of min-max
};
/// What the samples decided before the search: the typical output error of full INT8 without and with it.
struct ChoiceRow {
  std::string what;  ///< "SmoothQuant", "Another range method"
  double before = 0, after = 0;
  bool used = false;
};
/// One of several metrics; `result` is not known where the trial was not executed in this run.
struct MetricRow {
  std::string name, target;
  double baseline = 0, result = kUnknown;
};
/// What bias correction found.
struct CorrectionRow {
  std::int64_t anchors = 0, corrected = 0, samples = 0;
  double before = -1, after = -1;  ///< output divergence on held-back samples
  std::string note;
};

/// An operator that speed kept out of a precision.
struct KeptBackRow {
  std::string name, precision;
  double microseconds = 0;  ///< that it would add to a run; 0 where the graph as a whole decided
};
/// What the cost model said.
struct CostModelRow {
  std::string source;  ///< "measured", "estimated, profile of …"
  std::string shapes;  ///< of the inputs in a run
  double seconds = 0;  ///< what measuring took
  std::int64_t candidates = 0;
  double fp32_ms = 0, fastest_ms = 0, result_ms = 0;  ///< predicted, a sample: FP32, the fastest allowed, the result
  std::vector<KeptBackRow> kept_back;
};

/// A part of the run, in order: "load", "calibrate", "search", …
struct StageRow {
  std::string name;
  double seconds = 0, cpu_seconds = 0;  ///< wall; of all threads
};

struct Report {
  std::string version, model, metric, strategy, stopped;
  std::string objective;  ///< "performance", "0.8 performance + 0.2 modelsize, each over FP32's"
  struct Baseline {
    double accuracy = 0, latency_ms = 0;
  } baseline;
  struct Result {
    bool met = false;
    double accuracy = 0, relative_loss = 0, latency_ms = 0;
    std::int64_t model_bytes = 0, fp32_model_bytes = 0;
    double threshold = 0;  ///< the accuracy that just meets the target
    std::string target;    ///< "relative loss at most 0.01 (accuracy at least 0.9064)"
  } result;
  struct Cost {
    std::int64_t trials = 0, samples_evaluated = 0;
    double full_evaluations = 0, calibration_seconds = 0, seconds = 0;
    std::int64_t peak_rss_bytes = 0;
    std::vector<StageRow> stages;
  } cost;
  std::vector<StatisticsRow> statistics;
  std::vector<OpRow> ops;
  std::vector<ParetoRow> pareto;
  std::vector<TrialRow> trials;
  std::vector<MetricRow> metrics;  ///< one or more, the first as in baseline and result
  std::vector<MetricRow> details;  ///< what else the metric tells, without targets
  std::vector<RangeRow> ranges;
  std::vector<ChoiceRow> choices;
  std::optional<CorrectionRow> correction;
  std::optional<CostModelRow> cost_model;
  std::vector<std::string> notes;  ///< what the user should know about the written model
  struct Machine {
    std::string cpu, isa;
    int threads = 0;
  } machine;
  std::string resolved_config;      ///< YAML
  std::filesystem::path directory;  ///< where everything was written
};

/// "bias correction kept for 27 of 28 operators: …".
std::string sentence(const CorrectionRow& correction);
/// "SmoothQuant takes the typical output error of full INT8 from 0.02 to 0.002: used."
std::string sentence(const ChoiceRow& choice);
/// One line per range method: how far its ranges are from min-max.
std::string sentence(const RangeRow& range);
std::string to_json(const Report& report);  ///< pretty, fields as in the product's contract
std::string to_html(const Report& report);  ///< one self-contained page, no scripts or fonts from outside
/// "Mixed Precision Statistics": Op Type | Total | INT8 | BF16 | FP32, boxed.
std::string statistics_table(const std::vector<StatisticsRow>& rows);
/// "Tune Result Statistics": Info Type | Baseline | Best; accuracy, latency, size.
std::string result_table(const Report& report);
/// Peak resident memory of this process in bytes; 0 where the system does not tell.
std::int64_t peak_rss_bytes();

}  // namespace inc::report
