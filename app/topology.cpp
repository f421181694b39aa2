#include "app/topology.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/base/error.h"
#include "core/base/places.h"

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
  if (hwloc_get_cpubind(topology, bound.get(), HWLOC_CPUBIND_PROCESS) != 0) return set;
  for (const int cpu : openmp_places()) hwloc_bitmap_set(bound.get(), static_cast<unsigned>(cpu));
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

/// While it lives, hwloc reads the files below the host's root and asks nobody else.
class Elsewhere {
 public:
  explicit Elsewhere(const Host& host) : active_(!host.is_this_machine()) {
    if (!active_) return;
    ::setenv("HWLOC_FSROOT", host.root().c_str(), 1);
    ::setenv("HWLOC_COMPONENTS", "-x86", 1);
  }
  ~Elsewhere() {
    if (!active_) return;
    ::unsetenv("HWLOC_FSROOT");
    ::unsetenv("HWLOC_COMPONENTS");
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

 private:
  bool active_;
};

std::vector<int> cpus_in(hwloc_const_bitmap_t set) {
  std::vector<int> cpus;
  for (int cpu = hwloc_bitmap_first(set); cpu >= 0; cpu = hwloc_bitmap_next(set, cpu)) cpus.push_back(cpu);
  return cpus;
}

int count(hwloc_topology_t topology, hwloc_obj_type_t type) {
  return std::max(0, hwloc_get_nbobjs_by_type(topology, type));
}

}  // namespace

Topology this_machine() {
  const Loaded topology = load();
  const Set left = usable(topology.get());
  Topology found;
  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(topology.get(), HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    auto cores = cores_in(topology.get(), node->cpuset, left.get());
    if (cores.empty()) continue;
    found.nodes.push_back(std::move(cores));
    found.numbers.push_back(static_cast<int>(node->os_index));
  }
  if (found.nodes.empty()) throw BackendError("hwloc: no core that this process may use");
  return found;
}

Known<Layout> layout(const Host& host) {
  constexpr const char* kSource = "/sys/devices/system/cpu/cpu0/topology";
  if (!host.is_this_machine() && !host.exists(kSource))
    return Known<Layout>::unknown(fmt::format("{}: No such file or directory", kSource));
  try {
    const Elsewhere elsewhere(host);
    const Loaded topology = load();
    Layout found{count(topology.get(), HWLOC_OBJ_PACKAGE),
                 count(topology.get(), HWLOC_OBJ_CORE),
                 count(topology.get(), HWLOC_OBJ_PU),
                 {}};
    for (hwloc_obj_t node = nullptr;
         (node = hwloc_get_next_obj_by_type(topology.get(), HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
      found.nodes.push_back({static_cast<int>(node->os_index), cpus_in(node->cpuset),
                             static_cast<std::int64_t>(node->attr->numanode.local_memory)});
    }
    for (hwloc_obj_t core = nullptr; (core = hwloc_get_next_obj_by_type(topology.get(), HWLOC_OBJ_CORE, core)) != nullptr;)
      found.core_cpus.push_back(cpus_in(core->cpuset));
    return found;
  } catch (const BackendError& error) {
    return Known<Layout>::unknown(error.what());
  }
}

bool pin_to(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof(set), &set) == 0;
}

}  // namespace inc::app
