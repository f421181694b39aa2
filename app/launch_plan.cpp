#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/allocators.h"
#include "app/launch.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace inc::app {
namespace {

using Variables = std::map<std::string, std::string>;
constexpr const char* kBlockTime = "KMP_BLOCKTIME";
constexpr const char* kPlaces = "OMP_PLACES";

/// The numbers of the nodes that the CPUs belong to.
std::vector<int> nodes_of(const Topology& topology, const std::vector<int>& cpus) {
  std::set<int> found;
  for (std::size_t i = 0; i < topology.nodes.size(); ++i)
    for (const int cpu : cpus)
      if (std::count(topology.nodes[i].begin(), topology.nodes[i].end(), cpu) > 0)
        found.insert(i < topology.numbers.size() ? topology.numbers[i] : static_cast<int>(i));
  return {found.begin(), found.end()};
}

std::string places_of(const std::vector<int>& cpus) {
  std::string text;
  for (const int cpu : cpus) text += fmt::format("{}{{{}}}", text.empty() ? "" : ",", cpu);
  return text;
}

Setting setting_for(const std::vector<int>& cpus, const Variables& variables) {
  Setting setting{cpus, {}, {}};
  setting.variables["OMP_NUM_THREADS"] = std::to_string(cpus.size());
  setting.variables["OMP_PROC_BIND"] = "close";
  setting.variables[kPlaces] = places_of(cpus);
  if (!variables.contains(kBlockTime)) setting.variables[kBlockTime] = "1";
  for (const char* stronger : {"KMP_AFFINITY", "KMP_HW_SUBSET", "GOMP_CPU_AFFINITY"})
    if (variables.contains(stronger)) setting.variables[stronger] = std::nullopt;
  return setting;
}

std::string preload(const Host& host, const Variables& variables, const std::string& allocator) {
  const auto library = find_allocator(host, variables, allocator);
  if (!library) throw ConfigError(fmt::format("--allocator {}: not installed: {}", allocator, library.why_not()));
  const auto before = variables.find("LD_PRELOAD");
  return before == variables.end() || before->second.empty() ? *library : *library + ":" + before->second;
}

std::string numbers(const std::vector<int>& all) {
  return fmt::format("{} {}", all.size() == 1 ? "node" : "nodes", cpu_list(all));
}

std::string plan_row(const std::string& label, const std::string& text) {
  return fmt::format("  {:<12} {}\n", label, text);
}

}  // namespace

LaunchPlan plan_launch(const Topology& topology, const LaunchOptions& options, const Host& host,
                       const Variables& variables) {
  LaunchPlan plan;
  plan.cores = topology.cores();
  plan.cores_each = options.cores_each > 0 ? options.cores_each : std::max(1, plan.cores / std::max(1, options.instances));
  for (const auto& cpus : place(topology, options.instances, plan.cores_each)) {
    Setting setting = setting_for(cpus, variables);
    const auto nodes = nodes_of(topology, cpus);
    if (options.numa) setting.memory_nodes = nodes;
    if (options.allocator != "default") setting.variables["LD_PRELOAD"] = preload(host, variables, options.allocator);
    plan.instances.push_back(std::move(setting));
    plan.places.push_back(numbers(nodes));
  }
  return plan;
}

std::string to_text(const LaunchPlan& plan, const std::vector<std::string>& command) {
  const Setting& first = plan.instances.front();
  std::string text = fmt::format("{} {} of {} {}; this process may use {}; memory {}\n", plan.instances.size(),
                                 plan.instances.size() == 1 ? "instance" : "instances", plan.cores_each,
                                 plan.cores_each == 1 ? "core" : "cores", plan.cores,
                                 first.memory_nodes.empty() ? "wherever the system puts it" : "of the same node only");
  for (std::size_t i = 0; i < plan.instances.size(); ++i)
    text += plan_row(fmt::format("instance {}", i), fmt::format("CPUs {}, {}", cpu_list(plan.instances[i].cpus), plan.places[i]));
  std::string set, removed;
  for (const auto& [name, value] : first.variables) {
    if (value)
      set += fmt::format("{}{}={}", set.empty() ? "" : " ", name,
                         name == kPlaces && plan.instances.size() > 1 ? "<its CPUs>" : *value);
    else
      removed += fmt::format("{}{}", removed.empty() ? "" : " ", name);
  }
  text += plan_row("set", set);
  if (!removed.empty()) text += plan_row("removed", removed);
  return text + plan_row("command", joined(command, " "));
}

}  // namespace inc::app
