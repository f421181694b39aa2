#include "app/topology.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <sched.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>

#include "core/base/error.h"

namespace inc::app {
namespace {

struct Unload {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
struct Free {
  void operator()(hwloc_bitmap_t set) const { hwloc_bitmap_free(set); }
};
using Loaded = std::unique_ptr<hwloc_topology, Unload>;
using Set = std::unique_ptr<hwloc_bitmap_s, Free>;

Loaded load() {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) throw BackendError("hwloc: no topology of this machine");
  Loaded loaded(topology);
  if (hwloc_topology_load(topology) != 0) throw BackendError("hwloc: the topology of this machine cannot be read");
  return loaded;
}

/// CPUs that the process may use and nobody has listed yet.
Set usable(hwloc_topology_t topology) {
  Set set(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology)));
  const Set bound(hwloc_bitmap_alloc());
  if (hwloc_get_cpubind(topology, bound.get(), HWLOC_CPUBIND_PROCESS) == 0)
    hwloc_bitmap_and(set.get(), set.get(), bound.get());
  return set;
}

/// One CPU of each core in `within` that is still in `left`; takes the cores out of `left`.
std::vector<int> cores_in(hwloc_topology_t topology, hwloc_const_bitmap_t within, hwloc_bitmap_t left) {
  const bool has_cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0;
  const hwloc_obj_type_t type = has_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  const Set mine(hwloc_bitmap_alloc());
  std::vector<int> cores;
  for (hwloc_obj_t core = nullptr; (core = hwloc_get_next_obj_by_type(topology, type, core)) != nullptr;) {
    hwloc_bitmap_and(mine.get(), core->cpuset, left);
    if (!hwloc_bitmap_isincluded(core->cpuset, within) || hwloc_bitmap_iszero(mine.get())) continue;
    cores.push_back(hwloc_bitmap_first(mine.get()));
    hwloc_bitmap_andnot(left, left, core->cpuset);
  }
  return cores;
}

}  // namespace

Topology this_machine() {
  const Loaded topology = load();
  const Set left = usable(topology.get());
  Topology found;
  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(topology.get(), HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    auto cores = cores_in(topology.get(), node->cpuset, left.get());
    if (!cores.empty()) found.nodes.push_back(std::move(cores));
  }
  if (found.nodes.empty()) throw BackendError("hwloc: no core that this process may use");
  return found;
}

std::optional<int> cpus_of_quota(const std::string& cpu_max) {
  std::istringstream text(cpu_max);
  double quota = 0, period = 0;
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<int>(std::ceil(quota / period));
}

CpuLimit cpu_limit() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int mask = ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
  CpuLimit limit{mask > 0 ? mask : 1, "CPUs in the affinity mask"};
  std::ifstream own("/proc/self/cgroup");
  std::string line, folder;
  while (std::getline(own, line))
    if (line.starts_with("0::")) folder = line.substr(3);
  for (;;) {
    std::ifstream file("/sys/fs/cgroup" + folder + "/cpu.max");
    std::string text;
    std::getline(file, text);
    if (const auto quota = cpus_of_quota(text); quota && *quota < limit.cpus)
      limit = {*quota, fmt::format("CPUs by the quota of cgroup '{}'", folder.empty() ? "/" : folder)};
    if (folder.empty() || folder == "/") return limit;
    folder.resize(folder.rfind('/'));
  }
}

void pin_to(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

}  // namespace inc::app
