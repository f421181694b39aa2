#include "adaptors/onednn/interpret.h"

#include <chrono>
#include <map>

#include "core/ops/macs.h"
#include "core/ops/ops.h"

namespace inc::onednn {
namespace {

runtime::StepProfile profiled(const ir::Node& node, double milliseconds) {
  runtime::StepProfile p;
  p.node = node.id;
  p.name = node.name;
  p.op_type = ops::reported_type(node);
  p.precision = "fp32";
  p.kernel = "inc:" + node.op + ":scalar";
  p.isa = "scalar";
  p.note = "shapes depend on data";
  p.milliseconds = milliseconds;
  return p;
}

std::vector<ir::Shape> shapes_of(const std::vector<ir::Tensor>& tensors) {
  std::vector<ir::Shape> shapes;
  for (const ir::Tensor& tensor : tensors) shapes.push_back(tensor.defined() ? tensor.shape() : ir::Shape{});
  return shapes;
}

}  // namespace

std::vector<ir::Tensor> interpret(const Prepared& prepared, std::span<const ir::Tensor> inputs, const runtime::TapSink& tap,
                                  std::vector<runtime::StepProfile>* profile) {
  const ir::Graph& graph = prepared.graph();
  std::map<ir::ValueId, ir::Tensor> values;
  const auto get = [&](ir::ValueId v) {
    if (v.none()) return ir::Tensor();
    const ir::Tensor* constant = prepared.constant(v);
    return constant != nullptr ? *constant : values.at(v);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const ir::NodeId id : prepared.order()) {
    const ir::Node& node = graph.node(id);
    if (!node.outputs.empty() && prepared.is_constant(node.outputs[0])) continue;
    std::vector<ir::Tensor> arguments;
    for (const ir::ValueId v : node.inputs) arguments.push_back(get(v));
    const auto start = std::chrono::steady_clock::now();
    auto outputs = ops::evaluate(node, arguments, graph.opset);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (profile != nullptr) {
      profile->push_back(profiled(node, took.count()));
      profile->back().macs = ops::macs(node, shapes_of(arguments), shapes_of(outputs));
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.outputs[i].none()) values[node.outputs[i]] = std::move(outputs[i]);
  }
  if (tap)
    for (const ir::ValueId v : tap.wanted)
      if (graph.alive(v)) tap.on_value(v, get(v));
  std::vector<ir::Tensor> outputs;
  for (const ir::ValueId v : graph.outputs()) outputs.push_back(get(v));
  return outputs;
}

}  // namespace inc::onednn
