#include "core/quant/min_cut.h"

#include <algorithm>

namespace inc::quant {

int MinCut::add_node() {
  out_.emplace_back();
  return static_cast<int>(out_.size()) - 1;
}

void MinCut::add_edge(int from, int to, std::int64_t capacity) {
  out_[static_cast<std::size_t>(from)].push_back(edges_.size());
  edges_.push_back({to, capacity});
  out_[static_cast<std::size_t>(to)].push_back(edges_.size());
  edges_.push_back({from, 0});
}

bool MinCut::find_levels() {
  level_.assign(out_.size(), -1);
  level_[kSource] = 0;
  std::vector<int> queue{kSource};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const auto from = static_cast<std::size_t>(queue[i]);
    for (const std::size_t e : out_[from]) {
      const auto to = static_cast<std::size_t>(edges_[e].to);
      if (edges_[e].left == 0 || level_[to] >= 0) continue;
      level_[to] = level_[from] + 1;
      queue.push_back(edges_[e].to);
    }
  }
  return level_[kSink] >= 0;
}

std::int64_t MinCut::push(int node, std::int64_t wanted) {
  if (node == kSink) return wanted;
  const auto u = static_cast<std::size_t>(node);
  for (; next_[u] < out_[u].size(); ++next_[u]) {
    const std::size_t e = out_[u][next_[u]];
    const auto to = static_cast<std::size_t>(edges_[e].to);
    if (edges_[e].left == 0 || level_[to] != level_[u] + 1) continue;
    const std::int64_t pushed = push(edges_[e].to, std::min(wanted, edges_[e].left));
    if (pushed == 0) continue;
    edges_[e].left -= pushed;
    edges_[e ^ 1].left += pushed;
    return pushed;
  }
  return 0;
}

std::vector<bool> MinCut::source_side() {
  while (find_levels()) {
    next_.assign(out_.size(), 0);
    while (push(kSource, kNever) > 0) {
    }
  }
  std::vector<bool> side;
  for (const int level : level_) side.push_back(level >= 0);
  return side;
}

}  // namespace inc::quant
