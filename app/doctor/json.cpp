#include <nlohmann/json.hpp>

#include "app/doctor.h"
#include "app/json_text.h"

namespace inc::app {
namespace {

using Json = nlohmann::ordered_json;

/// Writes known facts in place, and the reasons of the others under their path.
class Facts {
 public:
  template <class T>
  Json operator()(const std::string& path, const Known<T>& fact) {
    if (fact) return *fact;
    unknown_[path] = fact.why_not();
    return nullptr;
  }
  Json unknown() const { return unknown_; }

 private:
  Json unknown_ = Json::object();
};

Json precisions(const Diagnosis& d, Facts& fact) {
  Json all = Json::object();
  for (const PrecisionFacts& p : d.precisions) {
    Json json = {{"way", name_of(p.way)}, {"how", p.how}, {"gops_one_core", nullptr}, {"gops_all_cores", nullptr}};
    if (p.speed) {
      json["gops_one_core"] = p.speed->one_core_gops;
      json["gops_all_cores"] = p.speed->all_cores_gops;
      json["cores"] = p.speed->cores;
      json["kernel"] = p.speed->kernel;
    } else {
      fact("precisions." + p.precision + ".gops_one_core", p.speed ? Known<int>(0) : Known<int>::unknown(p.speed.why_not()));
    }
    all[p.precision] = std::move(json);
  }
  return all;
}

Json layout(const Diagnosis& d, Facts& fact) {
  if (!d.layout) return fact("layout", Known<int>::unknown(d.layout.why_not()));
  Json json = {
      {"sockets", d.layout->sockets}, {"cores", d.layout->cores}, {"cpus", d.layout->cpus}, {"nodes", Json::array()}};
  for (const auto& node : d.layout->nodes)
    json["nodes"].push_back({{"number", node.number}, {"cpus", cpu_list(node.cpus)}, {"memory_bytes", node.memory_bytes}});
  return json;
}

Json limit(const std::optional<CgroupLimit>& limit, const char* unit) {
  if (!limit) return nullptr;
  return {{unit, limit->amount}, {"cgroup", limit->cgroup}};
}

Json limits(const Diagnosis& d, Facts& fact) {
  Json json = {{"affinity", nullptr}, {"usable_cores", d.usable_cores()}, {"cgroups", d.limits.cgroups}};
  if (d.limits.affinity)
    json["affinity"] = cpu_list(*d.limits.affinity);
  else
    fact("limits.affinity", Known<int>::unknown(d.limits.affinity.why_not()));
  json["cpu_quota"] = limit(d.limits.cpus, "cpus");
  json["memory"] = limit(d.limits.memory, "bytes");
  return json;
}

Json power(const Power& p, Facts& fact) {
  return {{"driver", fact("power.driver", p.driver)},
          {"governor", fact("power.governor", p.governor)},
          {"energy_preference", fact("power.energy_preference", p.preference)},
          {"lowest_ghz", fact("power.lowest_ghz", p.lowest)},
          {"highest_ghz", fact("power.highest_ghz", p.highest)},
          {"cap_ghz", fact("power.cap_ghz", p.cap)},
          {"base_ghz", fact("power.base_ghz", p.base)},
          {"turbo", fact("power.turbo", p.turbo)},
          {"idle_driver", fact("power.idle_driver", p.idle_driver)},
          {"deepest_idle", fact("power.deepest_idle", p.deepest_idle)},
          {"deepest_idle_us", fact("power.deepest_idle_us", p.deepest_idle_us)}};
}

Json advice(const std::vector<Advice>& all) {
  Json json = Json::array();
  for (const Advice& a : all)
    json.push_back({{"gain", name_of(a.gain)},
                    {"problem", a.problem},
                    {"command", a.command},
                    {"expect", a.expect},
                    {"basis", a.basis}});
  return json;
}

}  // namespace

std::string to_json(const Diagnosis& d) {
  Facts fact;
  Json json = {{"version", d.version}, {"verdict", verdict(d)}};
  json["cpu"] = {{"model", fact("cpu.model", d.cpu)},
                 {"instructions", fact("cpu.instructions", d.instructions)},
                 {"virtual_machine", fact("cpu.virtual_machine", d.virtual_machine)},
                 {"amx", d.amx ? Json(name_of(*d.amx)) : fact("cpu.amx", Known<int>::unknown(d.amx.why_not()))}};
  json["kernel"] = fact("kernel", d.kernel);
  json["engine"] = {{"version", d.engine.version}, {"isa", d.engine.isa}, {"vnni", d.engine.vnni}, {"bf16", d.engine.bf16}};
  json["precisions"] = precisions(d, fact);
  json["layout"] = layout(d, fact);
  json["limits"] = limits(d, fact);
  json["container"] = d.container;
  json["power"] = power(d.power, fact);
  json["memory"] = {{"total_bytes", fact("memory.total_bytes", d.memory.total_bytes)},
                    {"available_bytes", fact("memory.available_bytes", d.memory.available_bytes)},
                    {"huge_pages", fact("memory.huge_pages", d.memory.huge_pages)},
                    {"numa_balancing", fact("memory.numa_balancing", d.memory.balancing)}};
  json["load"] = fact("load", d.load);
  json["variables"] = d.variables;
  json["openmp"] = fact("openmp", d.openmp);
  json["allocator"] = fact("allocator", d.allocator);
  json["advice"] = advice(d.advice);
  json["unknown"] = fact.unknown();
  return json_text(json);
}

}  // namespace inc::app
