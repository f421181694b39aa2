#include "core/tuning/cost_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"

namespace inc::tuning {
namespace {

using Json = nlohmann::ordered_json;
using Classes = std::vector<std::uint8_t>;

constexpr int kFormat = 2;

/// Per dimension and class of the profile its number in the layout; -1 where it has none.
std::vector<std::vector<int>> renumbering(const CostProfile& profile, const CostLayout& layout) {
  std::vector<std::vector<int>> out;
  for (std::size_t i = 0; i < layout.classes.size(); ++i) {
    const auto& wanted = layout.classes[i];
    out.emplace_back();
    for (const std::string& name : profile.classes[i]) {
      const auto at = std::find(wanted.begin(), wanted.end(), name);
      out.back().push_back(at == wanted.end() ? -1 : static_cast<int>(at - wanted.begin()));
    }
  }
  return out;
}

/// False when a class is not there any more.
bool renumber(Classes& classes, const std::vector<std::vector<int>>& numbers) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const int now = numbers[i][classes[i]];
    if (now < 0) return false;
    classes[i] = static_cast<std::uint8_t>(now);
  }
  return true;
}

void check(bool good, const std::string& what) {
  if (!good) throw DataError("cost profile: " + what);
}

void check_classes(const CostProfile& profile, const Classes& classes) {
  check(classes.size() == profile.dims.size(), "a sample has another number of operators than the profile");
  for (std::size_t i = 0; i < classes.size(); ++i)
    check(classes[i] < profile.classes[i].size(), fmt::format("unknown speed class of operator '{}'", profile.dims[i]));
}

void check(const CostProfile& profile) {
  check(profile.dims.size() == profile.classes.size(), "operators and their speed classes differ in number");
  check(profile.batch > 0, "no samples in a run");
  check(profile.noise >= 0, "negative noise");
  for (const auto& sample : profile.samples) {
    check_classes(profile, sample.classes);
    check(sample.site_ms.size() == profile.sites.size(), "a sample has another number of times than the profile has steps");
  }
  for (const auto& one : profile.checks) {
    check_classes(profile, one.classes);
    check(one.ms > 0 && one.fastest_ms > 0 && one.fp32_ms > 0, "a check without times");
    check(one.won >= 0 && one.won <= 1, "a check without duels");
  }
}

CostProfile parsed(const Json& json) {
  check(json.at("format").get<int>() == kFormat, fmt::format("format {} expected", kFormat));
  CostProfile profile;
  const Json& machine = json.at("machine");
  profile.machine = {machine.at("cpu"), machine.at("isa"), machine.at("engine"), machine.at("threads")};
  profile.model = json.at("model");
  profile.shapes = json.at("shapes");
  profile.batch = json.at("batch");
  profile.seconds = json.at("seconds");
  profile.noise = json.at("noise");
  for (const Json& dim : json.at("operators")) {
    profile.dims.push_back(dim.at("name"));
    profile.classes.push_back(dim.at("classes"));
  }
  profile.sites = json.at("sites").get<std::vector<std::string>>();
  for (const Json& sample : json.at("samples"))
    profile.samples.push_back({sample.at("classes"), sample.at("site_ms"), sample.at("run_ms")});
  for (const Json& one : json.at("checks"))
    profile.checks.push_back({one.at("classes"), one.at("ms"), one.at("fastest_ms"), one.at("fp32_ms"), one.at("won")});
  check(profile);
  return profile;
}

}  // namespace

std::string CostMachine::to_string() const {
  return fmt::format("{}, {}, {} thread{}, {}", cpu, isa, threads, threads == 1 ? "" : "s", engine);
}

const CostSample* CostProfile::find(const Classes& chosen) const noexcept {
  const auto at = std::find_if(samples.begin(), samples.end(), [&](const auto& s) { return s.classes == chosen; });
  return at == samples.end() ? nullptr : &*at;
}

const CostCheck* CostProfile::check(const Classes& chosen) const noexcept {
  const auto at = std::find_if(checks.begin(), checks.end(), [&](const auto& c) { return c.classes == chosen; });
  return at == checks.end() ? nullptr : &*at;
}

Support fits(const CostProfile& profile, const CostLayout& layout, const std::string& model) {
  if (profile.model != model || profile.sites.size() != layout.sites.size())
    return Support::no("it was measured on another model");
  if (profile.dims != layout.dims) return Support::no("it was measured with other operators open to choice");
  for (std::size_t i = 0; i < layout.dims.size(); ++i)
    for (const std::string& name : layout.classes[i])
      if (std::find(profile.classes[i].begin(), profile.classes[i].end(), name) == profile.classes[i].end())
        return Support::no(fmt::format("it has no times of {} for operator '{}'", name, layout.dims[i]));
  return Support::yes();
}

CostProfile adapted(const CostProfile& profile, const CostLayout& layout) {
  CostProfile out = profile;
  const auto numbers = renumbering(profile, layout);
  out.classes = layout.classes;
  std::erase_if(out.samples, [&](CostSample& sample) { return !renumber(sample.classes, numbers); });
  std::erase_if(out.checks, [&](CostCheck& one) { return !renumber(one.classes, numbers); });
  return out;
}

std::string costs_text(const CostProfile& profile) {
  Json json{{"format", kFormat},
            {"machine",
             {{"cpu", profile.machine.cpu},
              {"isa", profile.machine.isa},
              {"engine", profile.machine.engine},
              {"threads", profile.machine.threads}}},
            {"model", profile.model},
            {"shapes", profile.shapes},
            {"batch", profile.batch},
            {"seconds", profile.seconds},
            {"noise", profile.noise}};
  json["operators"] = Json::array();
  for (std::size_t i = 0; i < profile.dims.size(); ++i)
    json["operators"].push_back({{"name", profile.dims[i]}, {"classes", profile.classes[i]}});
  json["sites"] = profile.sites;
  json["samples"] = Json::array();
  for (const auto& sample : profile.samples)
    json["samples"].push_back({{"classes", sample.classes}, {"site_ms", sample.site_ms}, {"run_ms", sample.run_ms}});
  json["checks"] = Json::array();
  for (const auto& one : profile.checks)
    json["checks"].push_back({{"classes", one.classes},
                              {"ms", one.ms},
                              {"fastest_ms", one.fastest_ms},
                              {"fp32_ms", one.fp32_ms},
                              {"won", one.won}});
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

CostProfile costs_from(const std::string& text) {
  try {
    return parsed(Json::parse(text));
  } catch (const nlohmann::json::exception& e) {
    throw DataError(fmt::format("not a cost profile: {}", e.what()));
  }
}

void write_costs(const std::filesystem::path& path, const CostProfile& profile) {
  write_file_atomically(path, costs_text(profile));
}

CostProfile read_costs(const std::filesystem::path& path) {
  return with_context([&] { return fmt::format("while reading the cost profile '{}'", path.string()); },
                      [&] { return costs_from(read_file(path)); });
}

}  // namespace inc::tuning
