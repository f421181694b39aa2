#include "core/tuning/cost_layout.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace inc::tuning {
namespace {

/// Beyond these an operator's neighbours do not change its time by much.
constexpr std::size_t kNearest = 6;

class Neighbours {
 public:
  Neighbours(const ir::Graph& graph, const TuningSpace& space) : graph_(graph) {
    for (std::size_t i = 0; i < space.nodes.size(); ++i) dims_.emplace(space.nodes[i], i);
  }

  std::optional<std::size_t> own(ir::NodeId node) const {
    const auto found = dims_.find(node);
    return found == dims_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Breadth first, through operators without a choice.
  std::vector<std::size_t> nearest(ir::NodeId start, bool before) const {
    std::vector<std::size_t> found;
    std::set<ir::NodeId> seen{start};
    std::vector<ir::NodeId> queue{start};
    for (std::size_t i = 0; i < queue.size() && found.size() < kNearest; ++i)
      for (const ir::NodeId next : before ? producers(queue[i]) : consumers(queue[i])) {
        if (!seen.insert(next).second) continue;
        if (const auto dim = own(next)) {
          if (found.size() < kNearest) found.push_back(*dim);
        } else {
          queue.push_back(next);
        }
      }
    return found;
  }

 private:
  std::vector<ir::NodeId> producers(ir::NodeId node) const {
    std::vector<ir::NodeId> out;
    for (const ir::ValueId input : graph_.node(node).inputs)
      if (const ir::Node* producer = input.none() ? nullptr : graph_.producer(input)) out.push_back(producer->id);
    return out;
  }
  std::vector<ir::NodeId> consumers(ir::NodeId node) const {
    std::vector<ir::NodeId> out;
    for (const ir::ValueId output : graph_.node(node).outputs) {
      if (output.none()) continue;
      const auto& users = graph_.value(output).consumers;
      out.insert(out.end(), users.begin(), users.end());
    }
    return out;
  }

  const ir::Graph& graph_;
  std::map<ir::NodeId, std::size_t> dims_;
};

}  // namespace

CostLayout cost_layout(const ir::Graph& fused, const TuningSpace& space) {
  CostLayout layout;
  const Neighbours neighbours(fused, space);
  for (const ir::NodeId id : fused.topological_order()) {
    layout.site_of.emplace(id, layout.sites.size());
    layout.sites.push_back(
        {fused.node(id).name, neighbours.own(id), neighbours.nearest(id, true), neighbours.nearest(id, false)});
  }
  for (std::size_t i = 0; i < space.options.size(); ++i) {
    layout.nodes.push_back(space.nodes[i]);
    layout.dims.push_back(space.shape.dims[i].name);
    std::vector<std::string> names;
    std::vector<std::uint8_t> indices;
    for (const quant::OpConfig& option : space.options[i]) {
      const std::string name = speed_class(option);
      const auto known = std::find(names.begin(), names.end(), name);
      indices.push_back(static_cast<std::uint8_t>(known - names.begin()));
      if (known == names.end()) names.push_back(name);
    }
    layout.classes.push_back(std::move(names));
    layout.class_of.push_back(std::move(indices));
  }
  return layout;
}

std::optional<std::size_t> CostLayout::site(const ir::Graph& candidate, ir::NodeId node) const {
  const auto walk = [&](ir::NodeId from, bool up) -> std::optional<std::size_t> {
    while (candidate.alive(from)) {
      if (const auto known = site_of.find(from); known != site_of.end()) return known->second;
      const ir::Node& here = candidate.node(from);
      if (up) {
        const ir::Node* producer = here.input(0).none() ? nullptr : candidate.producer(here.input(0));
        if (producer == nullptr) return std::nullopt;
        from = producer->id;
      } else {
        const auto& users = candidate.value(here.outputs.front()).consumers;
        if (users.empty()) return std::nullopt;
        from = users.front();
      }
    }
    return std::nullopt;
  };
  const auto above = walk(node, true);
  return above ? above : walk(node, false);
}

std::vector<std::uint8_t> CostLayout::classes_of(const search::Point& point) const {
  INC_CHECK(point.size() == class_of.size(), "a point has one index per dimension");
  std::vector<std::uint8_t> chosen(point.size());
  for (std::size_t i = 0; i < point.size(); ++i) chosen[i] = class_of[i][point[i]];
  return chosen;
}

search::Point CostLayout::point_of(const std::vector<std::uint8_t>& chosen) const {
  search::Point point(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i)
    point[i] =
        static_cast<std::uint16_t>(std::find(class_of[i].begin(), class_of[i].end(), chosen[i]) - class_of[i].begin());
  return point;
}

std::string structure_hash(const ir::Graph& graph) {
  Hash64 hash;
  for (const ir::ValueId id : graph.inputs()) hash.add(graph.value(id).type.to_string());
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    hash.add(node.op);
    for (const auto& [name, attr] : node.attrs.items()) {
      hash.add(name);
      if (const auto* number = std::get_if<std::int64_t>(&attr)) hash.add_int(static_cast<std::uint64_t>(*number));
      if (const auto* text = std::get_if<std::string>(&attr)) hash.add(*text);
      if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&attr))
        hash.add(numbers->data(), numbers->size() * sizeof(std::int64_t));
    }
    for (const ir::ValueId input : node.inputs) {
      hash.add_int(input.v);
      if (const ir::Tensor* constant = graph.constant(input)) hash.add(constant->type().to_string());
    }
  }
  return hash.hex();
}

}  // namespace inc::tuning
