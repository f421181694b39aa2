#pragma once
// What the machine and the system let this process use. The only user of hwloc.
#include <optional>
#include <string>

#include "app/placement.h"

namespace inc::app {

/// Physical cores by NUMA node, less what affinity and cpusets forbid. Throws BackendError when hwloc cannot tell.
Topology this_machine();

/// Logical CPUs worth using: those of the affinity mask, or fewer where a cgroup's quota of CPU time is smaller; `why`
/// says which of the two it is.
struct CpuLimit {
  int cpus = 1;
  std::string why;
};
CpuLimit cpu_limit();

/// CPUs that the text of a cgroup's cpu.max ("200000 100000") allows, rounded up; nothing for "max" and for other text.
std::optional<int> cpus_of_quota(const std::string& cpu_max);

/// Keeps this process, and the threads it starts from now on, on the CPUs.
void pin_to(const std::vector<int>& cpus);

}  // namespace inc::app
