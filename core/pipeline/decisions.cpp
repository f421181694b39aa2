#include "core/pipeline/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/ops/ops.h"
#include "core/quant/attention.h"

namespace inc::pipeline {
namespace {

bool is_op(const ir::Node* node, std::string_view op) {
  return node != nullptr && node->op == op;
}

constexpr const char* kQdqTypes[] = {"QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear"};

bool is_qdq(const ir::Node& node) {
  return std::find(std::begin(kQdqTypes), std::end(kQdqTypes), node.op) != std::end(kQdqTypes);
}

bool touches_bf16(const ir::Graph& graph, const ir::Node& node) {
  const auto is_bf16 = [&](ir::ValueId id) { return !id.none() && graph.value(id).type.dtype == DType::BFloat16; };
  return std::any_of(node.outputs.begin(), node.outputs.end(), is_bf16) ||
         std::any_of(node.inputs.begin(), node.inputs.end(), is_bf16);
}

/// A conversion at the border of a precision.
bool is_border(const ir::Graph& graph, const ir::Node& node) {
  return is_qdq(node) || (node.op == "Cast" && touches_bf16(graph, node));
}

bool reads_int8(const ir::Graph& graph, const ir::Node& node) {
  bool any = false;
  for (const ir::ValueId input : node.inputs) {
    if (input.none() || graph.constant(input) || graph.value(input).type.dtype != DType::Float) continue;
    if (!is_op(graph.producer(input), "DequantizeLinear")) return false;
    any = true;
  }
  return any;
}

bool writes_int8(const ir::Graph& graph, const ir::Node& node) {
  const auto& users = graph.value(node.outputs.front()).consumers;
  return !users.empty() && !graph.is_output(node.outputs.front()) &&
         std::all_of(users.begin(), users.end(), [&](ir::NodeId id) { return graph.node(id).op == "QuantizeLinear"; });
}

bool int8_anchor(const ir::Graph& graph, const ir::Node& node) {
  const auto& info = ops::info(node.op);
  if (info.quant != ops::QuantRole::Anchor || info.weight_input < 0) return false;
  const ir::ValueId weight = node.input(static_cast<std::size_t>(info.weight_input));
  return is_op(graph.producer(node.input(0)), "DequantizeLinear") && !weight.none() &&
         is_op(graph.producer(weight), "DequantizeLinear");
}

/// The second product of an attention; the probabilities that it reads stay as they are.
bool int8_context(const ir::Graph& graph, const ir::Node& node) {
  return quant::attention_at(graph, node) && is_op(graph.producer(node.inputs[1]), "DequantizeLinear");
}

std::string why_float(const ir::Node& node) {
  switch (ops::info(node.op).quant) {
    case ops::QuantRole::Anchor:
      return "its weight is not a constant";
    case ops::QuantRole::PassThrough:
    case ops::QuantRole::SharedInputs:
      return "not between INT8 operators";
    case ops::QuantRole::Float:
      return "has no INT8 form";
  }
  return "";
}

std::string why_not_bf16(ir::NodeId id, const tuning::TuningSpace& space, const quant::Bf16Plan& bf16) {
  if (const auto slower = space.slower_in_bf16.find(id); slower != space.slower_in_bf16.end()) return "; " + slower->second;
  const auto why = bf16.why_not.find(id);
  return why == bf16.why_not.end() ? "" : "; not BF16: " + why->second;
}

}  // namespace

std::vector<report::OpRow> decisions(const ir::Graph& quantized, const tuning::TuningSpace& space,
                                     const quant::Bf16Plan& bf16, const std::vector<runtime::StepProfile>& profile,
                                     const std::string& decided) {
  std::map<std::string, const runtime::StepProfile*> ran;
  for (const auto& step : profile) ran.emplace(step.name, &step);
  std::vector<report::OpRow> rows;
  for (const ir::NodeId id : quantized.topological_order()) {
    const ir::Node& node = quantized.node(id);
    if (is_border(quantized, node)) continue;
    report::OpRow row{node.name, ops::reported_type(node), "fp32", ""};
    const bool searched = std::find(space.nodes.begin(), space.nodes.end(), id) != space.nodes.end();
    const auto kept = space.kept_fp32.find(id);
    if (int8_anchor(quantized, node)) {
      row.precision = "int8";
      row.reason = kept == space.kept_fp32.end() ? "8-bit weights and activations" : "8-bit operands of an attention";
    } else if (int8_context(quantized, node)) {
      row.precision = "int8";
      row.reason = "8-bit operands of an attention";
    } else if (touches_bf16(quantized, node)) {
      row.precision = "bf16";
      row.reason = searched ? "cast to BF16" : "follows BF16 neighbours";
      if (kept != space.kept_fp32.end()) row.reason += "; not INT8: " + kept->second;
    } else if (searched) {
      row.reason = decided;
      if (kept != space.kept_fp32.end()) row.reason += "; not INT8: " + kept->second;
    } else if (kept != space.kept_fp32.end()) {
      row.reason = kept->second;
    } else if (reads_int8(quantized, node) && writes_int8(quantized, node)) {
      row.precision = "int8";
      row.reason = "carries INT8 values between INT8 operators";
    } else {
      row.reason = why_float(node);
    }
    if (row.precision == "fp32") row.reason += why_not_bf16(id, space, bf16);
    const auto step = ran.find(node.name);
    if (step != ran.end() && step->second->emulated)
      row.reason += fmt::format("; executed in FP32 here: {}", step->second->note);
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_times(std::vector<report::OpRow>& rows, const std::vector<runtime::StepProfile>& result,
               const std::vector<runtime::StepProfile>& fp32, std::int64_t samples) {
  struct Time {
    double result = 0, fp32 = 0;
    std::string kernel;
  };
  std::map<std::string, Time> times;
  for (const auto& step : result) {
    Time& time = times[step.name];
    time.result += step.milliseconds / static_cast<double>(samples);
    if (time.kernel.empty() || step.macs > 0) time.kernel = step.kernel;
  }
  for (const auto& step : fp32) times[step.name].fp32 += step.milliseconds / static_cast<double>(samples);
  for (auto& row : rows) {
    const auto time = times.find(row.name);
    if (time == times.end()) continue;
    if (!result.empty()) row.ms = time->second.result;
    if (!fp32.empty()) row.fp32_ms = time->second.fp32;
    row.kernel = time->second.kernel;
  }
}

void add_sensitivities(std::vector<report::OpRow>& rows, const tuning::TuningSpace& space,
                       const search::Sensitivity& found) {
  std::map<std::string, std::size_t> dims;
  for (std::size_t i = 0; i < space.shape.dims.size(); ++i) dims.emplace(space.shape.dims[i].name, i);
  for (auto& row : rows) {
    const auto dim = dims.find(row.name);
    if (dim == dims.end()) continue;
    row.sensitivity = found.output.at(dim->second).front();
    row.own_error = found.own.at(dim->second).front();
  }
}

std::vector<report::StatisticsRow> statistics(const ir::Graph& quantized, const std::vector<report::OpRow>& ops) {
  std::map<std::string, report::StatisticsRow> by_type;
  const auto count = [&](const std::string& type, const std::string& precision) {
    auto& row = by_type[type];
    row.op_type = type;
    ++row.total;
    ++(precision == "int8" ? row.int8 : precision == "bf16" ? row.bf16 : row.fp32);
  };
  for (const auto& op : ops) count(op.op_type, op.precision);
  std::vector<report::StatisticsRow> rows;
  for (const auto& [type, row] : by_type) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.total > b.total; });
  by_type.clear();
  for (const ir::NodeId id : quantized.nodes())
    if (const ir::Node& node = quantized.node(id); is_border(quantized, node))
      count(node.op, is_qdq(node) ? "int8" : "bf16");
  for (const auto* type : kQdqTypes)
    if (by_type.contains(type)) rows.push_back(by_type[type]);
  if (by_type.contains("Cast")) rows.push_back(by_type["Cast"]);
  return rows;
}

}  // namespace inc::pipeline
