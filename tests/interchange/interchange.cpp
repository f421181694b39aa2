// Models between us and other engines, for interchange_test.py:
//
//   interchange run MODEL OUT INPUT...      imports, fuses, executes; bytes of the inputs in, of the first output out
//   interchange qdq|qlinear|integer|fp32 MODEL OUT    the model, fused, written in that form; fp32 strips quantization
//
// Graph inputs have fixed shapes. Prints what it did: precisions of the anchors, or the count of each operator.
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <map>
#include <span>

#include "adaptors/onednn/adaptor.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"

namespace inc {
namespace {

ir::Tensor read_input(const ir::Graph& graph, ir::ValueId id, const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto shape = graph.value(id).type.concrete();
  if (!shape) throw ModelError(fmt::format("input '{}' has no fixed shape", graph.value(id).name));
  ir::Tensor tensor(graph.value(id).type.dtype, *shape);
  if (file->bytes().size() != tensor.bytes())
    throw DataError(fmt::format("{}: {} bytes found, {} expected", path, file->bytes().size(), tensor.bytes()));
  std::memcpy(tensor.mutable_raw(), file->bytes().data(), tensor.bytes());
  return tensor;
}

void execute(ir::Graph& graph, const std::string& out, std::span<char*> paths) {
  passes::fusion_pipeline().run(graph);
  std::vector<ir::Tensor> inputs;
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) inputs.push_back(read_input(graph, graph.inputs()[i], paths[i]));
  const auto executable = onednn::make_adaptor()->prepare(graph);
  const ir::Tensor result = executable->run(inputs)[0];
  write_file_atomically(out, {reinterpret_cast<const char*>(result.raw()), result.bytes()});
  for (const auto& step : executable->profile(inputs, 1))
    if (step.op_type == "Conv" || step.op_type == "MatMul" || step.op_type == "Gemm")
      std::cout << step.op_type << ' ' << step.precision << '\n';
}

void translate(ir::Graph& graph, const std::string& form, const std::string& out) {
  if (form == "fp32") passes::strip_quantization_pipeline().run(graph);
  passes::fusion_pipeline().run(graph);
  const auto format = form == "qlinear"   ? passes::ExportFormat::QLinearOps
                      : form == "integer" ? passes::ExportFormat::IntegerOps
                                          : passes::ExportFormat::Qdq;
  passes::lowering_pipeline(format).run(graph);
  onnx_io::export_model(graph, out);
  std::map<std::string, int> count;
  for (const ir::NodeId id : graph.nodes()) ++count[graph.node(id).op];
  for (const auto& [op, times] : count) std::cout << op << ' ' << times << '\n';
}

}  // namespace
}  // namespace inc

int main(int argc, char** argv) {
  try {
    if (argc < 4) throw inc::ConfigError("interchange FORM MODEL OUT [INPUT...]");
    const std::string form = argv[1];
    inc::ir::Graph graph = inc::onnx_io::import_model(argv[2]);
    if (form == "run" && static_cast<std::size_t>(argc - 4) != graph.inputs().size())
      throw inc::ConfigError("one file for each graph input expected");
    if (form == "run")
      inc::execute(graph, argv[3], {argv + 4, static_cast<std::size_t>(argc - 4)});
    else
      inc::translate(graph, form, argv[3]);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
  return 0;
}
