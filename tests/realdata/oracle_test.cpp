// Every INT8 group of the real models by itself: the engine differs from the oracle by at most one quantization step.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/calib/calibrator.h"
#include "core/onnx/onnx_io.h"
#include "core/ops/ops.h"
#include "core/passes/pass.h"
#include "core/quant/placement.h"
#include "core/tuning/space.h"
#include "tests/support/approx.h"
#include "tests/support/models.h"
#include "tests/support/random.h"

namespace inc {
namespace {

using namespace inc::testing;

struct RealGroups : ::testing::TestWithParam<RealModel> {};

/// A graph under construction that copies what it needs of another.
struct Cut {
  const ir::Graph& from;
  const std::map<ir::ValueId, ir::Tensor>& seen;
  ir::Graph graph{};
  std::vector<ir::Tensor> inputs{};

  /// The value as a constant, as DequantizeLinear of one, or as an input that carries what the oracle saw.
  ir::ValueId take(ir::ValueId id) {
    if (id.none()) return {};
    if (const ir::Tensor* constant = from.constant(id)) return graph.add_constant(from.value(id).name, *constant);
    const ir::Node* producer = from.producer(id);
    if (producer != nullptr && producer->op == "DequantizeLinear") return copy(*producer);
    inputs.push_back(seen.at(id));
    return graph.add_input(from.value(id).name, inputs.back().type());
  }
  ir::ValueId copy(const ir::Node& node) {
    std::vector<ir::ValueId> taken;
    for (const ir::ValueId input : node.inputs) taken.push_back(take(input));
    return graph.add_node({node.op, taken, node.attrs, node.name, {from.value(node.outputs[0]).type}, {}})[0];
  }
};

bool int8_anchor(const ir::Graph& graph, const ir::Node& node) {
  if (ops::info(node.op).quant != ops::QuantRole::Anchor) return false;
  const ir::Node* data = graph.producer(node.input(0));
  return data != nullptr && data->op == "DequantizeLinear";
}

ir::Graph quantized(const ir::Graph& fused, const runtime::Adaptor& engine, const std::vector<ir::Tensor>& inputs) {
  const auto space = tuning::build_space(fused, engine, {});
  quant::WeightCache weights;
  return quant::insert_qdq(fused, space.decode(space.shape.fastest()),
                           calib::calibrate(fused, *engine.prepare(fused), std::span(&inputs, 1)), weights);
}

TEST_P(RealGroups, AreWithinOneStepOfTheOracle) {
  INC_SHARED(path, GetParam().path);
  const auto engine = onednn::make_adaptor(), oracle = reference::make_adaptor();
  ir::Graph fused = onnx_io::import_model(path);
  passes::fusion_pipeline().run(fused);
  Rng rng(3);
  const auto inputs = random_inputs(fused, rng, 2, 200);
  const ir::Graph graph = quantized(fused, *engine, inputs);

  std::map<ir::ValueId, ir::Tensor> seen;
  runtime::TapSink tap;
  for (const ir::ValueId id : graph.values())
    if (!graph.constant(id)) tap.wanted.insert(id);
  tap.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) { seen[id] = tensor; };
  oracle->prepare(graph)->run(inputs, tap);
  for (std::size_t i = 0; i < inputs.size(); ++i) seen[graph.inputs()[i]] = inputs[i];

  std::size_t groups = 0;
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    if (!int8_anchor(graph, node)) continue;
    Cut cut{graph, seen};
    const ir::ValueId out = cut.copy(node);
    const auto& users = graph.value(node.outputs[0]).consumers;
    const bool requantized = users.size() == 1 && graph.node(users[0]).op == "QuantizeLinear";
    cut.graph.opset = graph.opset;
    if (requantized) {
      const ir::Node& q = graph.node(users[0]);
      const ir::ValueId stepped = cut.graph.add_node({q.op,
                                                      {out, cut.take(q.input(1)), cut.take(q.input(2))},
                                                      q.attrs,
                                                      q.name,
                                                      {graph.value(q.outputs[0]).type},
                                                      {}})[0];
      cut.graph.add_output(stepped);
    } else {
      cut.graph.add_output(out);
    }
    const auto actual = engine->prepare(cut.graph)->run(cut.inputs), expected = oracle->prepare(cut.graph)->run(cut.inputs);
    if (requantized)
      EXPECT_TRUE(agree(actual[0], expected[0], QStep{1})) << node.name;
    else
      EXPECT_TRUE(agree(actual[0], expected[0], Nmse{1e-11})) << node.name;
    ++groups;
  }
  EXPECT_EQ(groups, tuning::build_space(fused, *engine, {}).nodes.size());
}

INSTANTIATE_TEST_SUITE_P(RealModels, RealGroups, ::testing::ValuesIn(real_models()), [](const auto& model) {
  std::string name = model.param.task;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace inc
