#pragma once
// How much of the machine this process may use: affinity and cgroups (versions 1 and 2).
#include "app/host.h"

namespace inc::app {

/// A limit and the cgroup that sets it ("/docker/3f…", "/" for the outermost one that can be seen).
struct CgroupLimit {
  double amount = 0;  ///< CPUs, or bytes
  std::string cgroup;
};

struct Limits {
  Known<std::vector<int>> affinity;         ///< CPUs it may run on, before OpenMP bound its threads
  std::string cgroups;                      ///< "version 2", "version 1", "none"
  std::optional<CgroupLimit> cpus, memory;  ///< the tightest of all cgroups above this process; none: no limit
};

Limits limits(const Host& host);

/// CPUs that the text of a cgroup's cpu.max ("200000 100000") allows; nothing for "max" and for other text.
std::optional<double> cpus_of_quota(const std::string& cpu_max);

/// Logical CPUs worth using: those of the affinity mask, or fewer where a cgroup's quota of CPU time, rounded up, is
/// smaller; `why` says which of the two it is: "in the affinity mask".
struct CpuLimit {
  int cpus = 1;
  std::string why;
  std::string text() const;  ///< "2 CPUs in the affinity mask"
};
CpuLimit cpu_limit(const Limits& limits);
/// Of this process.
CpuLimit cpu_limit();

}  // namespace inc::app
