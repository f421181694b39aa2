#include "adaptors/onednn/emitters.h"
#include "kernels/normalize/normalize.h"

namespace inc::onednn {
namespace {

/// One value per channel, seen with the channels in front of the other axes.
ir::ValueId along_channels(Builder& b, ir::ValueId values, std::size_t rank) {
  ir::Shape shape(rank - 1, 1);
  shape[0] = ir::element_count(b.shape(values));
  const ir::ValueId seen = b.add_value(DType::Float, shape);
  b.bind(seen, b.view(b.plain(values), DType::Float, shape));
  return seen;
}

bool emit_grouped(Builder& b, const ir::Node& node, std::int64_t groups) {
  const ir::Shape& shape = b.shape(node.inputs[0]);
  if (shape.size() < 3 || groups < 1) return false;
  for (const std::size_t i : {1u, 2u})
    if (b.dtype(node.inputs[i]) != DType::Float || ir::element_count(b.shape(node.inputs[i])) != shape[1]) return false;
  const std::int64_t rows = shape[0] * groups, columns = ir::element_count(shape) / rows;
  const float epsilon = node.attrs.real("epsilon", 1e-5f);
  const int from = b.plain(node.inputs[0]);
  const int ones = b.constant(ir::Tensor::of<float>({columns}, std::vector<float>(static_cast<std::size_t>(columns), 1.0f)));
  ir::Node multiply = node, add = node;
  multiply.op = "Mul";
  multiply.inputs = {b.add_value(DType::Float, shape), along_channels(b, node.inputs[1], shape.size())};
  multiply.outputs = {b.add_value(DType::Float, shape)};
  add.op = "Add";
  add.inputs = {multiply.outputs[0], along_channels(b, node.inputs[2], shape.size())};
  const int to = b.make(multiply.inputs[0]);
  b.step(node, "inc:layer_norm", {from, ones}, {to}, [=](Frame& f) {
    kernels::layer_norm(f.as<float>(from), f.as<float>(to), rows, columns, f.as<float>(ones), nullptr, epsilon);
  });
  return emit_elementwise(b, multiply) && emit_elementwise(b, add);
}

}  // namespace

bool emit_instance_norm(Builder& b, const ir::Node& node) {
  if (node.inputs.size() < 3 || b.dtype(node.inputs[0]) != DType::Float) return false;
  if (node.op == "InstanceNormalization") return emit_grouped(b, node, b.shape(node.inputs[0])[1]);
  if (node.op == "GroupNormalization") return emit_grouped(b, node, node.attrs.integer("num_groups"));
  return false;
}

}  // namespace inc::onednn
