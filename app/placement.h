#pragma once
// Which cores each of several processes gets.
#include <vector>

namespace inc::app {

/// The cores this process may use, by NUMA node; a core is named by one of its logical CPUs.
struct Topology {
  std::vector<std::vector<int>> nodes;
  std::vector<int> numbers = {};  ///< of the nodes, as the system counts; empty: 0, 1, …
  int cores() const noexcept;
};

/// One list of `cores_each` CPUs per instance, without overlap. An instance stays on one node wherever a node has room, and
/// instances spread over the nodes evenly: each takes the node with most cores left, then the first of them. Throws
/// ConfigError with both numbers when there are not enough cores.
std::vector<std::vector<int>> place(const Topology& topology, int instances, int cores_each);

}  // namespace inc::app
