#include "core/quant/channel_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "core/ops/ops.h"
#include "core/quant/input_channels.h"
#include "core/quant/placement.h"

namespace inc::quant {

bool ChannelGroups::movable(const std::vector<int>& groups) const {
  return std::any_of(groups.begin(), groups.end(), [&](int g) { return fixed[static_cast<std::size_t>(g)].empty(); });
}

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kWeight = 1, kBias = 2, kResidual = 3;

/// Each element by itself, operands broadcast; sums over an axis are those of a set.
const std::set<std::string_view> kElementwise{"Relu"sv,
                                              "LeakyRelu"sv,
                                              "PRelu"sv,
                                              "Clip"sv,
                                              "Sigmoid"sv,
                                              "HardSigmoid"sv,
                                              "HardSwish"sv,
                                              "Tanh"sv,
                                              "Gelu"sv,
                                              "Elu"sv,
                                              "Selu"sv,
                                              "Softplus"sv,
                                              "Softsign"sv,
                                              "Mish"sv,
                                              "Erf"sv,
                                              "Exp"sv,
                                              "Log"sv,
                                              "Sqrt"sv,
                                              "Abs"sv,
                                              "Neg"sv,
                                              "Reciprocal"sv,
                                              "Identity"sv,
                                              "Add"sv,
                                              "Sub"sv,
                                              "Mul"sv,
                                              "Div"sv,
                                              "Pow"sv,
                                              "Min"sv,
                                              "Max"sv,
                                              "Sum"sv,
                                              "Softmax"sv,
                                              "Swish"sv,
                                              "LayerNormalization"sv,
                                              "RMSNormalization"sv};
const std::set<std::string_view> kPools{"MaxPool"sv, "AveragePool"sv, "GlobalMaxPool"sv, "GlobalAveragePool"sv, "LpPool"sv};
const std::set<std::string_view> kReshapes{"Reshape"sv, "Flatten"sv, "Squeeze"sv, "Unsqueeze"sv};
const std::set<std::string_view> kReductions{"ReduceMean"sv, "ReduceMax"sv, "ReduceMin"sv, "ReduceSum"sv, "ReduceL2"sv};

struct Channels {
  int axis = 0;
  std::vector<int> groups;
};

class Finder {
 public:
  explicit Finder(const ir::Graph& graph) : graph_(graph) {}

  ChannelGroups find() && {
    for (const ir::NodeId id : graph_.topological_order()) visit(graph_.node(id));
    for (const ir::ValueId id : graph_.outputs())
      if (known_.contains(id)) fix(known_[id].groups, fmt::format("'{}' is an output of the graph", graph_.value(id).name));
    return std::move(*this).result();
  }

 private:
  int root(int g) const {
    while (parent_[static_cast<std::size_t>(g)] != g) g = parent_[static_cast<std::size_t>(g)];
    return g;
  }
  int fresh(std::int64_t size) {
    parent_.push_back(static_cast<int>(parent_.size()));
    found_.size.push_back(size);
    found_.fixed.emplace_back();
    return parent_.back();
  }
  void fix(const std::vector<int>& groups, const std::string& why) {
    for (const int g : groups) {
      std::string& known = found_.fixed[static_cast<std::size_t>(root(g))];
      if (known.empty()) known = why;
    }
  }
  void fix(ir::ValueId value, const std::string& why) {
    if (const auto it = known_.find(value); it != known_.end()) fix(it->second.groups, why);
  }

  void join(const std::vector<int>& a, const std::vector<int>& b, const ir::Node& node) {
    const auto size = [&](int g) { return found_.size[static_cast<std::size_t>(g)]; };
    if (!std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](int x, int y) { return size(x) == size(y); })) {
      const std::string why = fmt::format("'{}' ({}) joins channels of other parts", node.name, node.op);
      fix(a, why);
      fix(b, why);
      return;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
      const int x = root(a[i]), y = root(b[i]);
      if (x == y) continue;
      if (found_.fixed[static_cast<std::size_t>(x)].empty())
        found_.fixed[static_cast<std::size_t>(x)] = found_.fixed[static_cast<std::size_t>(y)];
      parent_[static_cast<std::size_t>(y)] = x;
    }
  }

  std::int64_t total(const std::vector<int>& groups) const {
    return std::accumulate(groups.begin(), groups.end(), std::int64_t{0},
                           [&](std::int64_t sum, int g) { return sum + found_.size[static_cast<std::size_t>(g)]; });
  }
  int rank(ir::ValueId value) const {
    const auto& dims = graph_.value(value).type.dims;
    return dims ? static_cast<int>(dims->size()) : -1;
  }
  /// -1: unknown.
  std::int64_t extent(ir::ValueId value, int axis) const {
    const auto& dims = graph_.value(value).type.dims;
    if (!dims || axis < 0 || axis >= static_cast<int>(dims->size())) return -1;
    return (*dims)[static_cast<std::size_t>(axis)].value;
  }

  void visit(const ir::Node& node) {
    if (node.op == "Shape") return;
    if (quantizable(graph_, node) && input_channels(graph_, node) && visit_anchor(node)) return;
    const bool done = kElementwise.contains(node.op)  ? visit_elementwise(node)
                      : kPools.contains(node.op)      ? visit_pool(node)
                      : kReshapes.contains(node.op)   ? visit_reshape(node)
                      : kReductions.contains(node.op) ? visit_reduction(node)
                      : node.op == "Transpose"        ? visit_transpose(node)
                      : node.op == "Concat"           ? visit_concat(node)
                                                      : false;
    if (done) return;
    for (const ir::ValueId input : node.inputs)
      if (!input.none()) fix(input, fmt::format("'{}' ({}) reads it", node.name, node.op));
    for (const ir::ValueId output : node.outputs) known_.erase(output);
  }

  bool visit_anchor(const ir::Node& node) {
    const InputChannels in = *input_channels(graph_, node);
    const std::string type = ops::reported_type(node);
    const bool conv = type == "Conv", depthwise = is_depthwise(graph_, node) && in.group_rows == 1;
    if (conv && !depthwise && node.attrs.integer("group", 1) != 1) return false;
    const ir::Shape& weight = graph_.constant(node.inputs[kWeight])->shape();
    if (type == "MatMul" && weight.size() != 2) return false;
    const int last = rank(node.outputs[0]) - 1, output_axis = conv ? 1 : last;
    const int weight_outputs = conv || in.rows_are_outputs ? 0 : 1;
    const auto data = known_.find(node.inputs[0]);
    const bool read = data != known_.end() && data->second.axis == in.axis && total(data->second.groups) == in.count;
    if (!read) fix(node.inputs[0], fmt::format("'{}' ({}) reads other axes", node.name, node.op));
    if (last < 1 || (depthwise && !read)) return false;

    Channels out{output_axis, {}};
    if (depthwise) out.groups = data->second.groups;
    const ir::ValueId residual = node.op.starts_with("inc.") ? node.input(kResidual) : ir::ValueId{};
    const auto before = residual.none() ? known_.end() : known_.find(residual);
    if (before != known_.end() && !depthwise) out.groups = before->second.groups;
    if (out.groups.empty()) out.groups = {fresh(in.outputs())};
    if (read && !depthwise) found_.consumers.push_back({node.id, kWeight, 1 - weight_outputs, data->second.groups});
    known_[node.outputs[0]] = out;
    found_.outputs.push_back({node.id, kWeight, weight_outputs, out.groups});
    operand(node, kBias, conv ? Channels{0, out.groups} : out, conv ? 1 : last + 1);
    if (!residual.none()) operand(node, kResidual, out, last + 1);
    return true;
  }

  /// What an input contributes to the channels of the output, by NumPy's broadcasting.
  void operand(const ir::Node& node, std::size_t index, const Channels& out, int out_rank) {
    const ir::ValueId value = node.input(index);
    if (value.none()) return;
    const auto refuse = [&] {
      fix(out.groups, fmt::format("'{}' ({}) also reads '{}'", node.name, node.op, graph_.value(value).name));
      fix(value, fmt::format("'{}' ({}) reads it", node.name, node.op));
    };
    if (const auto it = known_.find(value); it != known_.end() && it->second.axis + out_rank - rank(value) == out.axis &&
                                            total(it->second.groups) == total(out.groups))
      return join(out.groups, it->second.groups, node);
    if (rank(value) < 0) return refuse();
    const int axis = out.axis - (out_rank - rank(value));
    if (known_.contains(value) && extent(value, known_[value].axis) != 1) return refuse();
    if (axis < 0 || extent(value, axis) == 1) return;
    if (graph_.constant(value) == nullptr || extent(value, axis) != total(out.groups)) return refuse();
    found_.outputs.push_back({node.id, index, axis, out.groups});
  }

  bool visit_elementwise(const ir::Node& node) {
    if (node.outputs.size() != 1 || rank(node.outputs[0]) < 0) return false;
    const int out_rank = rank(node.outputs[0]);
    for (const ir::ValueId input : node.inputs) {
      const auto it = input.none() ? known_.end() : known_.find(input);
      if (it == known_.end() || rank(input) < 0) continue;
      const int axis = it->second.axis + out_rank - rank(input);
      if (extent(node.outputs[0], axis) != total(it->second.groups)) continue;
      const Channels out{axis, it->second.groups};
      for (std::size_t i = 0; i < node.inputs.size(); ++i) operand(node, i, out, out_rank);
      known_[node.outputs[0]] = out;
      return true;
    }
    return false;
  }

  const Channels* channels_of(const ir::Node& node) const {
    const auto it = known_.find(node.input(0));
    return it != known_.end() && node.outputs.size() == 1 ? &it->second : nullptr;
  }

  bool visit_pool(const ir::Node& node) {
    const Channels* in = channels_of(node);
    if (in == nullptr || in->axis != 1) return false;
    known_[node.outputs[0]] = *in;
    return true;
  }

  /// Extents of 1 come and go; all others stay in their order.
  bool visit_reshape(const ir::Node& node) {
    const Channels* in = channels_of(node);
    if (in == nullptr || rank(node.input(0)) < 0 || rank(node.outputs[0]) < 0) return false;
    const auto kept = [&](ir::ValueId value) {
      std::vector<int> axes;
      for (int a = 0; a < rank(value); ++a)
        if (extent(value, a) != 1) axes.push_back(a);
      return axes;
    };
    const auto from = kept(node.input(0)), to = kept(node.outputs[0]);
    if (from.size() != to.size()) return false;
    int open = 0, axis = -1;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::int64_t a = extent(node.input(0), from[i]), b = extent(node.outputs[0], to[i]);
      if (a < 0 || b < 0) ++open;
      if (a >= 0 && b >= 0 && a != b) return false;
      if (from[i] == in->axis) axis = to[i];
    }
    if (open > 1 || axis < 0 || extent(node.outputs[0], axis) != total(in->groups)) return false;
    known_[node.outputs[0]] = {axis, in->groups};
    return true;
  }

  bool visit_reduction(const ir::Node& node) {
    const Channels* in = channels_of(node);
    const int r = rank(node.input(0));
    if (in == nullptr || r < 0) return false;
    std::vector<std::int64_t> axes = node.attrs.integers("axes");
    if (!node.input(1).none()) {
      const ir::Tensor* given = graph_.constant(node.input(1));
      if (given == nullptr) return false;
      axes = given->to_int64s();
    }
    if (axes.empty()) return false;
    int before = 0;
    for (const std::int64_t a : axes) {
      const std::int64_t axis = a < 0 ? a + r : a;
      if (axis == in->axis) return false;
      before += axis < in->axis ? 1 : 0;
    }
    known_[node.outputs[0]] = {in->axis - (node.attrs.integer("keepdims", 1) != 0 ? 0 : before), in->groups};
    return true;
  }

  bool visit_transpose(const ir::Node& node) {
    const Channels* in = channels_of(node);
    const auto perm = node.attrs.integers("perm");
    if (in == nullptr) return false;
    const auto at = std::find(perm.begin(), perm.end(), in->axis);
    if (at == perm.end()) return false;
    known_[node.outputs[0]] = {static_cast<int>(at - perm.begin()), in->groups};
    return true;
  }

  bool visit_concat(const ir::Node& node) {
    const int r = rank(node.outputs.at(0));
    std::int64_t axis = node.attrs.integer("axis", 0);
    if (axis < 0) axis += r;
    Channels out{static_cast<int>(axis), {}};
    for (const ir::ValueId input : node.inputs) {
      const auto it = known_.find(input);
      if (it == known_.end() || it->second.axis != axis) return false;
      out.groups.insert(out.groups.end(), it->second.groups.begin(), it->second.groups.end());
    }
    known_[node.outputs[0]] = out;
    return true;
  }

  ChannelGroups result() && {
    for (auto* uses : {&found_.outputs, &found_.consumers})
      for (ChannelUse& use : *uses)
        for (int& g : use.groups) g = root(g);
    return std::move(found_);
  }

  const ir::Graph& graph_;
  ChannelGroups found_;
  std::vector<int> parent_;
  std::map<ir::ValueId, Channels> known_;
};

}  // namespace

ChannelGroups channel_groups(const ir::Graph& graph) {
  return Finder(graph).find();
}

}  // namespace inc::quant
