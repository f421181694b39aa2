#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/settings.h"
#include "app/json_text.h"
#include "core/onnx/onnx_io.h"
#include "core/ops/ops.h"
#include "core/passes/pass.h"
#include "core/quant/saturation.h"

namespace inc::cli {
namespace {

struct InspectSettings : Settings {
  bool fusions = false;
};

using Json = nlohmann::ordered_json;

std::string shape_of(const ir::Graph& graph, const ir::Node& node) {
  return node.outputs.empty() ? "" : graph.value(node.outputs.front()).type.to_string();
}

Json to_json(const ir::Graph& source, const ir::Graph& fused, const passes::Findings& findings) {
  Json json;
  for (const ir::ValueId id : source.inputs())
    json["inputs"].push_back({{"name", source.value(id).name}, {"type", source.value(id).type.to_string()}});
  for (std::size_t i = 0; i < source.outputs().size(); ++i)
    json["outputs"].push_back(
        {{"name", source.output_names()[i]}, {"type", source.value(source.outputs()[i]).type.to_string()}});
  json["opset"] = source.opset;
  json["nodes"] = source.nodes().size();
  json["operators"] = Json::array();
  for (const ir::NodeId id : fused.topological_order()) {
    const ir::Node& node = fused.node(id);
    json["operators"].push_back({{"name", node.name},
                                 {"op_type", ops::reported_type(node)},
                                 {"fused", ops::epilogue(node).activation},
                                 {"type", shape_of(fused, node)}});
  }
  json["saturation"] = Json::array();
  for (const auto& row : quant::saturation_report(fused))
    json["saturation"].push_back({{"name", row.name},
                                  {"op_type", row.op_type},
                                  {"pairs", row.pairs},
                                  {"at_risk", row.at_risk},
                                  {"worst_sum", row.worst_sum},
                                  {"highest_input", row.highest_input},
                                  {"note", row.note}});
  json["fusions"] = Json::array();
  for (const auto& f : findings)
    json["fusions"].push_back({{"pass", f.pass},
                               {"node", f.node},
                               {"op_type", f.op_type},
                               {"applied", f.applied},
                               {"what", f.what},
                               {"why_not", f.why_not}});
  return json;
}

/// "Conv + residual + relu".
std::string shown_type(const ir::Node& node) {
  const ops::Epilogue epilogue = ops::epilogue(node);
  std::string text = ops::reported_type(node);
  if (!epilogue.residual.none()) text += " + residual";
  if (epilogue.activation != "none") text += " + " + epilogue.activation;
  return text;
}

void print_operators(const ir::Graph& source, const ir::Graph& fused) {
  for (const ir::ValueId id : source.inputs())
    fmt::print("input   {} {}\n", source.value(id).name, source.value(id).type.to_string());
  for (std::size_t i = 0; i < source.outputs().size(); ++i)
    fmt::print("output  {} {}\n", source.output_names()[i], source.value(source.outputs()[i]).type.to_string());
  fmt::print("opset {}, {} nodes, {} after fusion\n\n", source.opset, source.nodes().size(), fused.nodes().size());
  for (const ir::NodeId id : fused.topological_order()) {
    const ir::Node& node = fused.node(id);
    fmt::print("{:<26} {:<48} {}\n", shown_type(node), node.name, shape_of(fused, node));
  }
}

void print_saturation(const ir::Graph& fused) {
  const auto report = quant::saturation_report(fused);
  if (report.empty()) return;
  const std::string summary = quant::describe(report);
  fmt::print("\n{}\n", summary.empty()
                           ? fmt::format("none of {} INT8 operators can saturate on a CPU without VNNI", report.size())
                           : summary);
  for (const auto& row : report)
    if (row.at_risk > 0)
      fmt::print("  {:<48} {} of {} pairs, worst sum {} (int16 holds -32768 to 32767)\n", row.name, row.at_risk, row.pairs,
                 row.worst_sum);
}

void print_fusions(const passes::Findings& findings) {
  std::map<std::string, int> applied;
  for (const auto& f : findings)
    if (f.applied) ++applied[f.pass];
  fmt::print("\nfused\n");
  for (const auto& [pass, count] : applied) fmt::print("  {:<34} {} times\n", pass, count);
  for (const auto& f : findings)
    if (f.applied) fmt::print("    {:<32} {}\n", f.pass, f.what.empty() ? f.node : f.what);
  fmt::print("\nnot fused\n");
  for (const auto& f : findings)
    if (!f.applied) fmt::print("    {:<32} {} ({}): {}\n", f.pass, f.node, f.op_type, f.why_not);
}

ExitCode inspect(const InspectSettings& settings) {
  prepare(settings);
  const ir::Graph source = onnx_io::import_model(settings.model);
  ir::Graph fused = source;
  passes::Findings findings;
  passes::fusion_pipeline().run(fused, &findings);
  if (settings.json) {
    fmt::print("{}\n", app::json_text(to_json(source, fused, findings)));
    return ExitCode::Met;
  }
  print_operators(source, fused);
  print_saturation(fused);
  if (settings.fusions) print_fusions(findings);
  return ExitCode::Met;
}

}  // namespace

void add_inspect(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("inspect", "Operators, shapes, what fused and what did not");
  auto settings = std::make_shared<InspectSettings>();
  command->add_option("model", settings->model, "ONNX model")->required();
  command->add_flag("--fusions", settings->fusions, "List fusions, and the reason of every near miss");
  command->add_flag("--json", settings->json, "Print one JSON object");
  command->callback([settings, &chosen] { chosen.run = [settings] { return inspect(*settings); }; });
}

}  // namespace inc::cli
