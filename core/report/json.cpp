#include <cmath>
#include <nlohmann/json.hpp>

#include "core/report/report.h"

namespace inc::report {
namespace {

using Json = nlohmann::ordered_json;

/// JSON knows no NaN or infinity: null.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json cost_json(const Report::Cost& cost) {
  Json stages = Json::array();
  for (const auto& stage : cost.stages)
    stages.push_back({{"name", stage.name}, {"seconds", number(stage.seconds)}, {"cpu_seconds", number(stage.cpu_seconds)}});
  return {{"trials", cost.trials},
          {"samples_evaluated", cost.samples_evaluated},
          {"full_evaluations", number(cost.full_evaluations)},
          {"calibration_seconds", number(cost.calibration_seconds)},
          {"seconds", number(cost.seconds)},
          {"peak_rss_bytes", cost.peak_rss_bytes},
          {"stages", std::move(stages)}};
}

Json trials_json(const std::vector<TrialRow>& trials) {
  Json rows = Json::array();
  for (const auto& t : trials)
    rows.push_back({{"number", t.number},
                    {"accuracy", number(t.accuracy)},
                    {"accuracy_low", number(t.accuracy_low)},
                    {"accuracy_high", number(t.accuracy_high)},
                    {"divergence", number(t.divergence)},
                    {"relative_loss", number(t.relative_loss)},
                    {"latency_ms", number(t.latency_ms)},
                    {"cost", number(t.cost)},
                    {"model_bytes", t.model_bytes},
                    {"footprint_bytes", t.footprint_bytes},
                    {"seconds", number(t.seconds)},
                    {"int8", t.int8},
                    {"bf16", t.bf16},
                    {"fp32", t.fp32},
                    {"met", t.met},
                    {"failed", t.failed}});
  return rows;
}

Json calibration_json(const Report& report) {
  Json json = Json::object();
  json["ranges"] = Json::array();
  for (const auto& row : report.ranges)
    json["ranges"].push_back({{"method", row.method},
                              {"values", row.values},
                              {"changed", row.changed},
                              {"median_width", number(row.median_width)},
                              {"least_width", number(row.least_width)}});
  json["choices"] = Json::array();
  for (const auto& choice : report.choices)
    json["choices"].push_back({{"what", choice.what},
                               {"error_before", number(choice.before)},
                               {"error_after", number(choice.after)},
                               {"used", choice.used}});
  if (const auto& c = report.correction)
    json["bias_correction"] = {{"anchors", c->anchors},
                               {"corrected", c->corrected},
                               {"samples", c->samples},
                               {"divergence_before", number(c->before)},
                               {"divergence_after", number(c->after)},
                               {"note", c->note}};
  json["notes"] = report.notes;
  return json;
}

Json cost_model_json(const CostModelRow& row) {
  Json kept = Json::array();
  for (const auto& op : row.kept_back)
    kept.push_back({{"name", op.name}, {"precision", op.precision}, {"microseconds", number(op.microseconds)}});
  return {{"source", row.source},
          {"shapes", row.shapes},
          {"seconds", number(row.seconds)},
          {"candidates", row.candidates},
          {"predicted_ms",
           {{"fp32", number(row.fp32_ms)}, {"fastest", number(row.fastest_ms)}, {"result", number(row.result_ms)}}},
          {"kept_back", kept}};
}

}  // namespace

std::string to_json(const Report& report) {
  Json json = {{"version", report.version}, {"model", report.model}, {"metric", report.metric}};
  json["baseline"] = {{"accuracy", number(report.baseline.accuracy)}, {"latency_ms", number(report.baseline.latency_ms)}};
  json["result"] = {{"met", report.result.met},
                    {"accuracy", number(report.result.accuracy)},
                    {"relative_loss", number(report.result.relative_loss)},
                    {"latency_ms", number(report.result.latency_ms)},
                    {"model_bytes", report.result.model_bytes},
                    {"fp32_model_bytes", report.result.fp32_model_bytes},
                    {"target", report.result.target},
                    {"threshold", number(report.result.threshold)}};
  json["metrics"] = Json::array();
  for (const auto& m : report.metrics)
    json["metrics"].push_back(
        {{"name", m.name}, {"baseline", number(m.baseline)}, {"result", number(m.result)}, {"target", m.target}});
  json["details"] = Json::array();
  for (const auto& m : report.details)
    json["details"].push_back({{"name", m.name}, {"baseline", number(m.baseline)}, {"result", number(m.result)}});
  json["cost"] = cost_json(report.cost);
  json["strategy"] = report.strategy;
  json["objective"] = report.objective;
  json["stopped"] = report.stopped;
  json["statistics"] = Json::array();
  for (const auto& row : report.statistics)
    json["statistics"].push_back(
        {{"op_type", row.op_type}, {"total", row.total}, {"int8", row.int8}, {"bf16", row.bf16}, {"fp32", row.fp32}});
  json["calibration"] = calibration_json(report);
  if (report.cost_model) json["cost_model"] = cost_model_json(*report.cost_model);
  json["ops"] = Json::array();
  for (const auto& op : report.ops)
    json["ops"].push_back({{"name", op.name},
                           {"op_type", op.op_type},
                           {"precision", op.precision},
                           {"reason", op.reason},
                           {"ms", number(op.ms)},
                           {"fp32_ms", number(op.fp32_ms)},
                           {"kernel", op.kernel},
                           {"sensitivity", number(op.sensitivity)},
                           {"own_error", number(op.own_error)}});
  json["pareto"] = Json::array();
  for (const auto& point : report.pareto)
    json["pareto"].push_back({{"accuracy", number(point.accuracy)},
                              {"latency_ms", number(point.latency_ms)},
                              {"model_bytes", point.model_bytes},
                              {"footprint_bytes", point.footprint_bytes},
                              {"config", point.config}});
  json["trials"] = trials_json(report.trials);
  json["machine"] = {{"cpu", report.machine.cpu}, {"isa", report.machine.isa}, {"threads", report.machine.threads}};
  json["config"] = report.resolved_config;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inc::report
