#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/quant/bf16.h"
#include "core/quant/bf16_check.h"
#include "core/quant/min_cut.h"

namespace inc::quant {
namespace {

/// A cast outweighs every element and every preference.
constexpr std::int64_t kCast = std::int64_t{1} << 40;
constexpr std::int64_t kMostElements = std::int64_t{1} << 28;

std::int64_t elements_of(const ir::TensorType& type) {
  std::int64_t count = 1;
  for (const ir::Dim& dim : type.dims.value_or(std::vector<ir::Dim>{}))
    count = std::min(count * (dim.known() ? std::max<std::int64_t>(dim.value, 1) : 1), kMostElements);
  return count;
}

bool only_moves(const ir::Node& node) {
  const ops::OpInfo* info = ops::find(node.op);
  const bool averages = node.op == "AveragePool" || node.op == "GlobalAveragePool" || node.op == "Resize";
  return info != nullptr && info->quant == ops::QuantRole::PassThrough && !averages;
}

class Planner {
 public:
  Planner(const ir::Graph& graph, const std::set<ir::NodeId>& wanted, const Bf16Policies& policies, const RangeTable& ranges,
          Bf16Constants& constants)
      : graph_(graph), wanted_(wanted), policies_(policies), check_(graph, policies, ranges, constants) {}

  Bf16Plan plan() {
    for (const ir::NodeId id : graph_.topological_order()) place(graph_.node(id));
    for (const ir::ValueId id : graph_.values()) add_value(graph_.value(id));
    const auto side = cut_.source_side();
    for (const auto& [id, at] : place_) {
      if (side[static_cast<std::size_t>(at)])
        plan_.nodes.insert(id);
      else if (inferred_.contains(id))
        plan_.why_not[id] = "BF16 here would save no cast";
    }
    for (const ir::ValueId id : graph_.values()) plan_.casts += casts_of(graph_.value(id));
    return std::move(plan_);
  }

 private:
  void place(const ir::Node& node) {
    const auto results = std::count_if(node.outputs.begin(), node.outputs.end(),
                                       [&](ir::ValueId v) { return graph_.value(v).type.dtype == DType::Float; });
    const Support answer = decide(node);
    if (!answer) {
      place_[node.id] = MinCut::kSink;
      if (results > 0) plan_.why_not[node.id] = answer.why_not();
    } else if (policies_.of(node) == ops::Bf16Policy::Allow) {
      place_[node.id] = MinCut::kSource;
    } else {
      const int at = place_[node.id] = cut_.add_node();
      inferred_.insert(node.id);
      if (only_moves(node)) cut_.add_edge(MinCut::kSource, at, 1);
    }
  }

  Support decide(const ir::Node& node) const {
    if (policies_.denied(node)) return Support::no("kept in FP32 by the configuration");
    if (policies_.of(node) == ops::Bf16Policy::Deny)
      return Support::no(fmt::format("{} is on the deny list", ops::reported_type(node)));
    if (const Support s = has_bf16_form(graph_, node); !s) return s;
    if (policies_.of(node) == ops::Bf16Policy::Allow && !wanted_.contains(node.id))
      return Support::no("not chosen for BF16");
    return check_.harmless(node);
  }

  bool reads_bf16_form(const ir::Node& reader, ir::ValueId value) const {
    for (const std::size_t i : bf16_inputs(graph_, reader))
      if (reader.inputs[i] == value) return true;
    return false;
  }

  bool takes_any_type(const ir::Node& reader) const { return is_narrowing(graph_, reader) || reads_shape_only(reader); }

  /// Each value costs a cast when some reader has another type than its producer.
  void add_value(const ir::Value& value) {
    if (value.type.dtype != DType::Float || value.constant) return;
    const int from = value.producer ? place_.at(*value.producer) : MinCut::kSink;
    std::set<int> readers;
    if (graph_.is_output(value.id)) readers.insert(MinCut::kSink);
    for (const ir::NodeId user : value.consumers) {
      const ir::Node& reader = graph_.node(user);
      if (!takes_any_type(reader)) readers.insert(reads_bf16_form(reader, value.id) ? place_.at(user) : MinCut::kSink);
    }
    const std::int64_t cost = kCast + elements_of(value.type);
    const int widened = cut_.add_node(), narrowed = cut_.add_node();
    cut_.add_edge(from, widened, cost);
    cut_.add_edge(narrowed, from, bf16_twin(graph_, value.id).none() ? cost : 0);
    for (const int reader : readers) {
      cut_.add_edge(widened, reader, MinCut::kNever);
      cut_.add_edge(reader, narrowed, MinCut::kNever);
    }
  }

  std::size_t casts_of(const ir::Value& value) const {
    if (value.type.dtype != DType::Float || value.constant) return 0;
    const bool made = value.producer && plan_.nodes.contains(*value.producer);
    if (!made && !bf16_twin(graph_, value.id).none()) return 0;
    const bool other = std::any_of(value.consumers.begin(), value.consumers.end(), [&](ir::NodeId user) {
      const bool read = plan_.nodes.contains(user) && reads_bf16_form(graph_.node(user), value.id);
      return read != made && !takes_any_type(graph_.node(user));
    });
    return other || (made && graph_.is_output(value.id)) ? 1 : 0;
  }

  const ir::Graph& graph_;
  const std::set<ir::NodeId>& wanted_;
  const Bf16Policies& policies_;
  Bf16Check check_;
  MinCut cut_;
  std::map<ir::NodeId, int> place_;
  std::set<ir::NodeId> inferred_;
  Bf16Plan plan_;
};

bool may_be_bf16(const ir::Graph& graph, const ir::Node& node, const Bf16Policies& policies) {
  return policies.of(node) == ops::Bf16Policy::Allow && static_cast<bool>(has_bf16_form(graph, node));
}

}  // namespace

std::set<ir::NodeId> bf16_wanted(const ir::Graph& graph, const QuantConfig& config, const Bf16Policies& policies) {
  const bool any = std::any_of(config.ops.begin(), config.ops.end(),
                               [](const auto& choice) { return choice.second.precision == Precision::Bf16; });
  std::set<ir::NodeId> out;
  if (!any) return out;
  for (const ir::NodeId id : graph.nodes()) {
    const auto choice = config.ops.find(id);
    const bool chosen = choice == config.ops.end() || choice->second.precision == Precision::Bf16;
    if (chosen && may_be_bf16(graph, graph.node(id), policies)) out.insert(id);
  }
  return out;
}

std::set<ir::NodeId> bf16_wanted(const ir::Graph& graph, const Bf16Policies& policies) {
  std::set<ir::NodeId> out;
  for (const ir::NodeId id : graph.nodes())
    if (may_be_bf16(graph, graph.node(id), policies)) out.insert(id);
  return out;
}

Bf16Plan plan_bf16(const ir::Graph& graph, const std::set<ir::NodeId>& wanted, const Bf16Policies& policies,
                   const RangeTable& ranges, Bf16Constants& constants) {
  return Planner(graph, wanted, policies, ranges, constants).plan();
}

}  // namespace inc::quant
