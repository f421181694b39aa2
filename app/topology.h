#pragma once
// What the machine and the system let this process use. The only user of hwloc.
#include <cstdint>

#include "app/host.h"
#include "app/placement.h"

namespace inc::app {

/// Physical cores by NUMA node, less what affinity and cpusets forbid. Throws BackendError when hwloc cannot tell.
Topology this_machine();

/// Counts of what there is, whether or not this process may use it.
struct Layout {
  struct Node {
    int number = 0;  ///< as the system counts
    std::vector<int> cpus;
    std::int64_t memory_bytes = 0;  ///< 0: not known
  };
  int sockets = 0, cores = 0, cpus = 0;
  std::vector<Node> nodes;
  std::vector<std::vector<int>> core_cpus = {};  ///< of each core: its hyper-threads
};
/// Of this machine, or of the one whose sysfs is below the root (then for one thread at a time).
Known<Layout> layout(const Host& host);

/// Keeps this process, and the threads it starts from now on, on the CPUs. False, with errno, where the system refuses.
bool pin_to(const std::vector<int>& cpus);

}  // namespace inc::app
