#include <cmath>
#include <nlohmann/json.hpp>

#include "app/compare.h"
#include "app/json_text.h"

namespace inc::app {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json closeness_json(const Closeness& c) {
  return {{"sqnr_db", number(c.sqnr_db())}, {"relative", number(c.relative())},           {"cosine", number(c.cosine())},
          {"max_error", number(c.largest)}, {"max_error_of_range", number(c.of_range())}, {"finite", c.finite}};
}

Json op_json(const ComparedOp& op) {
  Json json = {{"name", op.name}, {"op_type", op.op_type}, {"b_name", op.b_name}, {"precision", op.precision}};
  if (op.effect) json["effect"] = closeness_json(*op.effect);
  json["own"] = closeness_json(op.own);
  json["own_estimated"] = !op.why_not_own.empty();
  if (!op.why_not_own.empty()) json["why_not_own"] = op.why_not_own;
  json["total"] = closeness_json(op.total);
  if (op.input) json["input"] = closeness_json(*op.input);
  if (op.weight) json["weight"] = closeness_json(*op.weight);
  return json;
}

}  // namespace

std::string to_json(const Comparison& comparison) {
  Json json = {{"a", comparison.a},
               {"b", comparison.b},
               {"inputs", comparison.inputs},
               {"samples", comparison.samples},
               {"operators", comparison.operators},
               {"matched", comparison.ops.size()}};
  json["outputs"] = Json::array();
  for (const auto& output : comparison.outputs) {
    json["outputs"].push_back({{"name", output.name}});
    json["outputs"].back().update(closeness_json(output.total));
  }
  json["ops"] = Json::array();
  for (const auto& op : comparison.ops) json["ops"].push_back(op_json(op));
  json["unmatched"] = Json::array();
  for (const auto& op : comparison.unmatched)
    json["unmatched"].push_back({{"name", op.name}, {"op_type", op.op_type}, {"why", op.why}});
  json["notes"] = comparison.notes;
  json["machine"] = {
      {"cpu", comparison.machine.cpu}, {"isa", comparison.machine.isa}, {"threads", comparison.machine.threads}};
  return json_text(json);
}

}  // namespace inc::app
