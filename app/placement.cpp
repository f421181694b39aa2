#include "app/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace inc::app {
namespace {

using Node = std::vector<int>;

void move_front(Node& from, Node& to, std::size_t count) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(std::min(count, from.size()));
  to.insert(to.end(), from.begin(), end);
  from.erase(from.begin(), end);
}

bool has_fewer(const Node& a, const Node& b) {
  return a.size() < b.size();
}

}  // namespace

int Topology::cores() const noexcept {
  return static_cast<int>(std::accumulate(nodes.begin(), nodes.end(), std::size_t{0},
                                          [](std::size_t n, const Node& v) { return n + v.size(); }));
}

std::vector<std::vector<int>> place(const Topology& topology, int instances, int cores_each) {
  const auto wanted = static_cast<std::int64_t>(instances) * cores_each;
  if (instances < 1 || cores_each < 1 || wanted > topology.cores())
    throw ConfigError(fmt::format("{} instances of {} cores are {} cores; this process may use {} on {} NUMA node{}",
                                  instances, cores_each, wanted, topology.cores(), topology.nodes.size(),
                                  topology.nodes.size() == 1 ? "" : "s"));
  std::vector<Node> free = topology.nodes;
  std::vector<std::vector<int>> placed(static_cast<std::size_t>(instances));
  const auto each = static_cast<std::size_t>(cores_each);
  for (auto& cores : placed)
    while (cores.size() < each)
      move_front(*std::max_element(free.begin(), free.end(), has_fewer), cores, each - cores.size());
  return placed;
}

}  // namespace inc::app
