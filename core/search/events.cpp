#include "core/search/events.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/hash.h"

namespace inc::search {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string checksum(const Json& event) {
  return Hash64().add(std::string_view(text_of(event))).hex();
}

/// JSON knows no NaN and no infinity: texts.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number_from(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto& text = json.get_ref<const std::string&>();
  return text == "nan" ? std::nan("") : text == "inf" ? HUGE_VAL : -HUGE_VAL;
}

Json row(const std::vector<double>& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(number(value));
  return json;
}

std::vector<double> row_from(const Json& json) {
  std::vector<double> values;
  for (const auto& value : json) values.push_back(number_from(value));
  return values;
}

Json table(const std::vector<std::vector<double>>& rows) {
  Json json = Json::array();
  for (const auto& values : rows) json.push_back(row(values));
  return json;
}

std::vector<std::vector<double>> table_from(const Json& json) {
  std::vector<std::vector<double>> rows;
  for (const auto& values : json) rows.push_back(row_from(values));
  return rows;
}

constexpr std::pair<const char*, double Observation::*> kNumbers[] = {
    {"accuracy", &Observation::accuracy},
    {"accuracy_low", &Observation::accuracy_low},
    {"accuracy_high", &Observation::accuracy_high},
    {"loss", &Observation::loss},
    {"loss_error", &Observation::loss_error},
    {"cost", &Observation::cost},
    {"latency_ms", &Observation::latency_ms},
    {"model_bytes", &Observation::model_bytes},
    {"footprint_bytes", &Observation::footprint_bytes},
    {"seconds", &Observation::seconds},
    {"full_evaluations", &Observation::full_evaluations},
    {"divergence", &Observation::divergence},
};

Json to_json(const RunIdentity& id) {
  Json json{{"kind", "run"}};
  for (const auto& [name, text] : id.facts) json[name] = text;
  return json;
}

Json to_json(const Observation& seen) {
  Json json{{"kind", "trial"}, {"point", seen.point}, {"failed", seen.state == TrialState::Failed}, {"met", seen.met}};
  for (const auto& [name, member] : kNumbers) json[name] = number(seen.*member);
  json["metrics"] = row(seen.metrics);
  if (!seen.details.empty()) json["details"] = row(seen.details);
  json["why_failed"] = seen.why_failed;
  return json;
}

Json to_json(const Sensitivity& found) {
  return {{"kind", "sensitivity"},
          {"output", table(found.output)},
          {"own", table(found.own)},
          {"full_evaluations", number(found.full_evaluations)},
          {"seconds", number(found.seconds)},
          {"costs", found.costs}};
}

RunIdentity identity_from(const Json& json) {
  RunIdentity id;
  for (const auto& [name, value] : json.items())
    if (name != "kind") id.facts.emplace_back(name, value.get<std::string>());
  return id;
}

Observation observation_from(const Json& json) {
  Observation seen;
  seen.point = json.at("point").get<Point>();
  seen.state = json.at("failed").get<bool>() ? TrialState::Failed : TrialState::Complete;
  seen.met = json.at("met").get<bool>();
  for (const auto& [name, member] : kNumbers) seen.*member = number_from(json.at(name));
  seen.metrics = row_from(json.at("metrics"));
  if (json.contains("details")) seen.details = row_from(json.at("details"));
  seen.why_failed = json.at("why_failed").get<std::string>();
  return seen;
}

Sensitivity sensitivity_from(const Json& json) {
  return {table_from(json.at("output")), table_from(json.at("own")), number_from(json.at("full_evaluations")),
          number_from(json.at("seconds")), json.at("costs").get<std::string>()};
}

/// Of two texts, the first lines that differ, without the blanks around them.
std::pair<std::string_view, std::string_view> unequal_lines(std::string_view a, std::string_view b) {
  const auto take = [](std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto first = line.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view() : line.substr(first);
  };
  while (!a.empty() || !b.empty()) {
    const std::string_view left = take(a), right = take(b);
    if (left != right) return {left, right};
  }
  return {};
}

}  // namespace

const std::string* RunIdentity::find(std::string_view name) const noexcept {
  for (const auto& [other, text] : facts)
    if (other == name) return &text;
  return nullptr;
}

std::string difference(const RunIdentity& there, const RunIdentity& here) {
  const auto said = [](std::string_view text) { return text.empty() ? "nothing" : fmt::format("'{}'", text); };
  for (const auto& [name, text] : here.facts) {
    const std::string* other = there.find(name);
    if (other == nullptr) return fmt::format("{} is missing there, '{}' here", name, text);
    if (*other == text) continue;
    const auto [left, right] = unequal_lines(*other, text);
    return fmt::format("{}: {} there, {} here", name, said(left), said(right));
  }
  for (const auto& [name, text] : there.facts)
    if (here.find(name) == nullptr) return fmt::format("{} is '{}' there, missing here", name, text);
  return {};
}

std::string line_of(const Event& event) {
  const Json json = std::visit([](const auto& e) { return to_json(e); }, event);
  return text_of({{"event", json}, {"check", checksum(json)}}) + "\n";
}

std::optional<Event> event_of(std::string_view line) {
  try {
    const Json whole = Json::parse(line);
    const Json& event = whole.at("event");
    if (checksum(event) != whole.at("check").get<std::string>()) return std::nullopt;
    const auto kind = event.at("kind").get<std::string>();
    if (kind == "run") return identity_from(event);
    if (kind == "trial") return observation_from(event);
    if (kind == "sensitivity") return sensitivity_from(event);
  } catch (const Json::exception&) {
  }
  return std::nullopt;
}

}  // namespace inc::search
