#pragma once
// Minimum cut of a small directed network (Dinic).
#include <cstdint>
#include <vector>

namespace inc::quant {

class MinCut {
 public:
  static constexpr std::int64_t kNever = std::int64_t{1} << 60;  ///< an edge that is not to be cut
  static constexpr int kSource = 0, kSink = 1;

  int add_node();
  void add_edge(int from, int to, std::int64_t capacity);
  /// Which nodes lie on the source's side; of all minimum cuts the one that leaves it the fewest. Call once.
  std::vector<bool> source_side();

 private:
  struct Edge {
    int to;
    std::int64_t left;
  };
  bool find_levels();
  std::int64_t push(int node, std::int64_t wanted);

  std::vector<Edge> edges_;  ///< an edge and its reverse are neighbours
  std::vector<std::vector<std::size_t>> out_ = std::vector<std::vector<std::size_t>>(2);
  std::vector<int> level_;
  std::vector<std::size_t> next_;
};

}  // namespace inc::quant
