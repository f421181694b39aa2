#include "core/quant/bf16_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/ir/convert.h"

namespace inc::quant {
namespace {

/// Every integer up to here is a BF16 number.
constexpr float kExactIntegers = 256;
constexpr float kFloatIntegers = 1 << 24;
const float kLargest = static_cast<float>(BFloat16::from_bits(0x7f7f));

/// Operators for which the digits of an input count.
struct ExactReader {
  std::string_view op;
  std::uint32_t inputs;  ///< bit mask
  std::string_view what;
};
constexpr ExactReader kExactReaders[] = {
    {"Equal", 0b11, "compared"},
    {"Greater", 0b11, "compared"},
    {"GreaterOrEqual", 0b11, "compared"},
    {"Less", 0b11, "compared"},
    {"LessOrEqual", 0b11, "compared"},
    {"Mod", 0b11, "divided with remainder"},
    {"Floor", 0b1, "rounded to integers"},
    {"Ceil", 0b1, "rounded to integers"},
    {"Round", 0b1, "rounded to integers"},
    {"Range", 0b111, "counted from"},
    {"ArgMax", 0b1, "ranked"},
    {"ArgMin", 0b1, "ranked"},
    {"TopK", 0b1, "ranked"},
    {"NonMaxSuppression", 0b11111, "used as boxes"},
    {"RoiAlign", 0b10, "used as coordinates"},
    {"GridSample", 0b10, "used as coordinates"},
    {"Resize", 0b110, "used as scales"},
    {"Upsample", 0b10, "used as scales"},
};

/// Operators that make integers from integers, beside those that only move elements.
constexpr std::string_view kIntegerArithmetic[] = {"Add", "Sub", "Mul",       "Neg",       "Abs",       "Min",   "Max",
                                                   "Sum", "Mod", "ReduceSum", "ReduceMax", "ReduceMin", "CumSum"};
constexpr std::string_view kRoundings[] = {"Floor", "Ceil", "Round"};

bool is_one_of(std::string_view op, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), op) != list.end();
}

bool is_float_value(const ir::Graph& graph, ir::ValueId id) {
  return !id.none() && graph.value(id).type.dtype == DType::Float;
}

bool all_integers(const ir::Tensor& tensor) {
  const auto values = tensor.values<float>();
  return std::all_of(values.begin(), values.end(), [](float x) { return x == std::nearbyint(x); });
}

bool casts_to_integers(const ir::Graph& graph, const ir::Node& node) {
  return node.op == "Cast" && is_integer(graph.value(node.outputs[0]).type.dtype);
}

std::string what_is_read(const ir::Graph& graph, const ir::Node& node, std::size_t input) {
  if (casts_to_integers(graph, node) && input == 0) return "turned into integers";
  for (const ExactReader& row : kExactReaders)
    if (row.op == node.op && (row.inputs >> input & 1u) != 0) return std::string(row.what);
  return {};
}

Support judge_constant(const ir::Tensor& constant) {
  const ir::Tensor tensor = constant.at_hand();
  const auto values = tensor.values<float>();
  bool integers = true, loses = false;
  std::set<float> distinct;
  for (const float x : values) {
    const auto rounded = static_cast<float>(BFloat16(x));
    if (std::isfinite(x) && !std::isfinite(rounded))
      return Support::no(fmt::format("holds {}, which is beyond BF16's largest number {}", x, kLargest));
    if (!integers) continue;
    integers = x == std::nearbyint(x) && std::fabs(x) <= kFloatIntegers;
    loses = loses || rounded != x;
    if (distinct.size() < 3) distinct.insert(x);
  }
  if (integers && loses && distinct.size() >= 3)
    return Support::no(fmt::format("holds integers beyond {} that BF16 would round", kExactIntegers));
  return Support::yes();
}

}  // namespace

Bf16Constants::Entry& Bf16Constants::entry(const ir::Tensor& constant) {
  Entry& found = entries_[constant.identity()];
  if (!found.constant.defined() || found.constant.type() != constant.type()) found = Entry{constant, nullptr, {}};
  return found;
}

Support Bf16Constants::can_round(const ir::Tensor& constant) {
  const std::lock_guard lock(mutex_);
  Entry& found = entry(constant);
  if (!found.can_round) found.can_round = std::make_unique<Support>(judge_constant(constant));
  return *found.can_round;
}

ir::Tensor Bf16Constants::rounded(const ir::Tensor& constant) {
  const std::lock_guard lock(mutex_);
  Entry& found = entry(constant);
  if (!found.rounded.defined()) found.rounded = ir::converted(constant, DType::BFloat16);
  return found.rounded;
}

std::vector<std::size_t> bf16_inputs(const ir::Graph& graph, const ir::Node& node) {
  const ops::OpInfo* info = ops::find(node.op);
  const std::uint32_t shapes = info == nullptr ? 0 : info->value_inputs;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (is_float_value(graph, node.inputs[i]) && (i >= 32 || (shapes >> i & 1u) == 0)) out.push_back(i);
  return out;
}

bool is_int8(const ir::Graph& graph, const ir::Node& node) {
  const ops::OpInfo* info = ops::find(node.op);
  if (info == nullptr || info->quant != ops::QuantRole::Anchor || info->weight_input < 0) return false;
  const ir::ValueId weight = node.input(static_cast<std::size_t>(info->weight_input));
  const ir::Node* source = weight.none() ? nullptr : graph.producer(weight);
  return source != nullptr && source->op == "DequantizeLinear";
}

bool is_narrowing(const ir::Graph& graph, const ir::Node& node) {
  return node.op == "Cast" && graph.value(node.inputs[0]).type.dtype == DType::Float &&
         graph.value(node.outputs[0]).type.dtype == DType::BFloat16;
}

bool reads_shape_only(const ir::Node& node) {
  return node.op == "Shape" || node.op == "Size";
}

ir::ValueId bf16_twin(const ir::Graph& graph, ir::ValueId value) {
  const ir::Node* source = graph.producer(value);
  if (source != nullptr && source->op == "Cast" && graph.value(source->inputs[0]).type.dtype == DType::BFloat16)
    return source->inputs[0];
  for (const ir::NodeId user : graph.value(value).consumers)
    if (is_narrowing(graph, graph.node(user))) return graph.node(user).outputs[0];
  return {};
}

Support has_bf16_form(const ir::Graph& graph, const ir::Node& node) {
  if (is_int8(graph, node)) return Support::no("is INT8");
  const auto results =
      std::count_if(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId v) { return is_float_value(graph, v); });
  if (results == 0) return Support::no("has no FP32 result");
  if (results > 1 && node.op != "Split") return Support::no("has several FP32 results");
  for (const ir::ValueId v : node.inputs) {
    if (v.none()) continue;
    const DType dtype = graph.value(v).type.dtype;
    if (is_float(dtype) && dtype != DType::Float)
      return Support::no(fmt::format("reads {} '{}', FP32 expected", inc::name_of(dtype), graph.value(v).name));
  }
  if (bf16_inputs(graph, node).empty()) return Support::no("reads no FP32 data");
  return Support::yes();
}

Bf16Check::Bf16Check(const ir::Graph& graph, const Bf16Policies& policies, const RangeTable& ranges,
                     Bf16Constants& constants)
    : graph_(graph), policies_(policies), constants_(constants) {
  for (const auto& [key, range] : ranges.tensor) {
    const auto [known, fresh] = ranges_.emplace(key.first, range);
    if (!fresh) known->second = {std::min(known->second.lo, range.lo), std::max(known->second.hi, range.hi)};
  }
  const auto order = graph_.topological_order();
  find_between();
  for (const ir::NodeId id : order) find_integers(graph_.node(id));
  for (auto it = order.rbegin(); it != order.rend(); ++it) find_exact(graph_.node(*it));
}

void Bf16Check::find_between() {
  const auto order = graph_.topological_order();
  const auto allowed = [&](ir::NodeId id) { return policies_.of(graph_.node(id)) == ops::Bf16Policy::Allow; };
  std::set<ir::NodeId> behind;
  for (const ir::NodeId id : order) {
    const ir::Node& node = graph_.node(id);
    const bool found = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId v) {
      const ir::Node* source = v.none() ? nullptr : graph_.producer(v);
      return source != nullptr && (behind.contains(source->id) || allowed(source->id));
    });
    if (found) behind.insert(id);
  }
  std::set<ir::NodeId> before;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const bool found = std::any_of(graph_.node(*it).outputs.begin(), graph_.node(*it).outputs.end(), [&](ir::ValueId v) {
      const auto& users = graph_.value(v).consumers;
      return std::any_of(users.begin(), users.end(), [&](ir::NodeId u) { return before.contains(u) || allowed(u); });
    });
    if (!found) continue;
    before.insert(*it);
    if (behind.contains(*it)) between_.insert(*it);
  }
}

bool Bf16Check::small(ir::ValueId value) const {
  const auto range = ranges_.find(value);
  return range != ranges_.end() && range->second.lo >= -kExactIntegers && range->second.hi <= kExactIntegers;
}

bool Bf16Check::makes_integers(const ir::Node& node) const {
  if (node.op == "Cast") {
    const DType from = graph_.value(node.inputs[0]).type.dtype;
    return is_integer(from) && size_of(from) > 1;
  }
  if (is_one_of(node.op, kRoundings) || node.op == "Range") return true;
  const ops::OpInfo* info = ops::find(node.op);
  const bool moves = info != nullptr && info->quant == ops::QuantRole::PassThrough;
  if (!moves && !is_one_of(node.op, kIntegerArithmetic)) return false;
  const auto inputs = bf16_inputs(graph_, node);
  const bool any =
      std::any_of(inputs.begin(), inputs.end(), [&](std::size_t i) { return integers_.contains(node.inputs[i]); });
  return any && std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) {
           const ir::Tensor* constant = graph_.constant(node.inputs[i]);
           return constant != nullptr ? all_integers(*constant) : integers_.contains(node.inputs[i]);
         });
}

void Bf16Check::find_integers(const ir::Node& node) {
  if (node.outputs.empty() || !is_float_value(graph_, node.outputs[0]) || !makes_integers(node)) return;
  for (const ir::ValueId v : node.outputs)
    if (is_float_value(graph_, v) && !small(v)) integers_.insert(v);
}

void Bf16Check::find_exact(const ir::Node& node) {
  const auto wanted =
      std::find_if(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId v) { return exact_.contains(v); });
  const bool passes =
      wanted != node.outputs.end() && policies_.of(node) != ops::Bf16Policy::Allow && !between_.contains(node.id);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ir::ValueId input = node.inputs[i];
    if (!is_float_value(graph_, input) || graph_.constant(input) != nullptr) continue;
    const std::string what = what_is_read(graph_, node, i);
    if (!what.empty())
      exact_.emplace(input, fmt::format("{} by '{}' ({})", what, node.name, node.op));
    else if (passes)
      exact_.emplace(input, exact_.at(*wanted));
  }
}

Support Bf16Check::harmless(const ir::Node& node) const {
  const auto in_range = [&](ir::ValueId v) {
    const auto range = ranges_.find(v);
    return range == ranges_.end() || (range->second.lo >= -kLargest && range->second.hi <= kLargest);
  };
  for (const std::size_t i : bf16_inputs(graph_, node)) {
    const ir::ValueId v = node.inputs[i];
    const std::string& name = graph_.value(v).name;
    if (const ir::Tensor* constant = graph_.constant(v)) {
      if (const Support s = constants_.can_round(*constant); !s)
        return Support::no(fmt::format("constant '{}' {}", name, s.why_not()));
      continue;
    }
    if (integers_.contains(v))
      return Support::no(fmt::format("reads integers that may exceed {}: '{}'", kExactIntegers, name));
    if (!in_range(v)) return Support::no(fmt::format("the range of '{}' exceeds BF16's largest number", name));
  }
  const bool allowed = policies_.of(node) == ops::Bf16Policy::Allow;
  for (const ir::ValueId v : node.outputs) {
    if (!is_float_value(graph_, v)) continue;
    if (!in_range(v))
      return Support::no(fmt::format("the range of '{}' exceeds BF16's largest number", graph_.value(v).name));
    const auto exact = exact_.find(v);
    if (!allowed && !between_.contains(node.id) && exact != exact_.end())
      return Support::no(fmt::format("its result is {}", exact->second));
  }
  return Support::yes();
}

}  // namespace inc::quant
