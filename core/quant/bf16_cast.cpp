#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/ir/patch.h"
#include "core/quant/bf16.h"
#include "core/quant/bf16_check.h"

namespace inc::quant {
namespace {

constexpr std::int64_t kOnnxFloat = 1, kOnnxBFloat16 = 16;

class Caster {
 public:
  Caster(const ir::Graph& graph, const Bf16Plan& plan, Bf16Constants& constants)
      : graph_(graph), plan_(plan), constants_(constants), patch_(graph, "cast to BF16") {}

  ir::Graph cast() {
    for (const ir::NodeId id : graph_.topological_order()) {
      if (!plan_.nodes.contains(id)) continue;
      const ir::Node& node = graph_.node(id);
      for (const std::size_t i : bf16_inputs(graph_, node)) patch_.cast_input(id, i, narrowed(node.inputs[i]));
      for (const ir::ValueId v : node.outputs)
        if (graph_.value(v).type.dtype == DType::Float) convert(graph_.value(v));
    }
    ir::Graph out = graph_;
    if (!patch_.empty()) out.apply(patch_);
    return out;
  }

 private:
  ir::ValueId add_cast(const ir::Value& value, DType to) {
    const std::string stem = value.name + (to == DType::BFloat16 ? "_bfloat16" : "_float");
    return patch_.add_node({"Cast",
                            {value.id},
                            {{"to", to == DType::BFloat16 ? kOnnxBFloat16 : kOnnxFloat}},
                            stem + "_cast",
                            {ir::TensorType{to, value.type.dims}},
                            {stem}})[0];
  }

  ir::ValueId narrowed(ir::ValueId id) {
    const ir::Value& value = graph_.value(id);
    if (value.producer && plan_.nodes.contains(*value.producer)) return id;
    if (const ir::ValueId twin = bf16_twin(graph_, id); !twin.none()) return twin;
    const auto [known, fresh] = narrowed_.emplace(id, ir::ValueId{});
    if (!fresh) return known->second;
    if (value.constant)
      known->second = patch_.add_constant(value.name + "_bfloat16", constants_.rounded(*value.constant));
    else
      known->second = add_cast(value, DType::BFloat16);
    return known->second;
  }

  bool reads_float(const ir::Node& reader, ir::ValueId value) const {
    if (is_narrowing(graph_, reader) || reads_shape_only(reader)) return false;
    if (!plan_.nodes.contains(reader.id)) return true;
    const auto inputs = bf16_inputs(graph_, reader);
    for (std::size_t i = 0; i < reader.inputs.size(); ++i)
      if (reader.inputs[i] == value && std::find(inputs.begin(), inputs.end(), i) == inputs.end()) return true;
    return false;
  }

  void bypass(const ir::Node& narrowing, ir::ValueId value) {
    const ir::ValueId twin = narrowing.outputs[0];
    for (const ir::NodeId id : graph_.value(twin).consumers) {
      const ir::Node& user = graph_.node(id);
      for (std::size_t i = 0; i < user.inputs.size(); ++i)
        if (user.inputs[i] == twin) patch_.cast_input(id, i, value);
    }
  }

  void convert(const ir::Value& value) {
    patch_.convert(value.id, DType::BFloat16);
    bool wide = graph_.is_output(value.id);
    for (const ir::NodeId id : value.consumers) {
      const ir::Node& user = graph_.node(id);
      if (is_narrowing(graph_, user)) {
        bypass(user, value.id);
        wide = wide || graph_.is_output(user.outputs[0]);
      }
      if (reads_shape_only(user)) patch_.cast_input(id, 0, value.id);
      wide = wide || reads_float(user, value.id);
    }
    if (wide) patch_.replace(value.id, add_cast(value, DType::Float));
  }

  const ir::Graph& graph_;
  const Bf16Plan& plan_;
  Bf16Constants& constants_;
  ir::Patch patch_;
  std::map<ir::ValueId, ir::ValueId> narrowed_;
};

}  // namespace

ir::Graph cast_bf16(const ir::Graph& graph, const Bf16Plan& plan, Bf16Constants& constants) {
  return Caster(graph, plan, constants).cast();
}

std::string bf16_plan_text(const ir::Graph& graph, const Bf16Plan& plan) {
  auto names = nlohmann::json::array();
  for (const ir::NodeId id : plan.nodes)
    for (const ir::ValueId v : graph.node(id).outputs) names.push_back(graph.value(v).name);
  return names.dump();
}

Bf16Plan bf16_plan_of(const ir::Graph& graph, const std::string& text) {
  const auto names = nlohmann::json::parse(text, nullptr, false);
  const bool list = names.is_array() && std::all_of(names.begin(), names.end(), [](const auto& n) { return n.is_string(); });
  if (!list) throw ModelError("the BF16 plan of the model: text that is not a JSON list of names found");
  Bf16Plan plan;
  for (const auto& name : names) {
    const auto value = graph.find_value(name.template get<std::string>());
    const ir::Node* node = value ? graph.producer(*value) : nullptr;
    if (node != nullptr && has_bf16_form(graph, *node)) plan.nodes.insert(node->id);
  }
  return plan;
}

}  // namespace inc::quant
