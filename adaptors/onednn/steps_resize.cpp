#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/walk.h"
#include "core/ops/resize.h"
#include "kernels/resample/resample.h"

namespace inc::onednn {
namespace {

std::optional<std::vector<ops::ResizedAxis>> axes_of(const Builder& b, const ir::Node& node) {
  std::vector<ops::Spec> inputs;
  for (const ir::ValueId input : node.inputs) {
    ops::Spec spec;
    spec.present = !input.none();
    if (spec.present) spec = {b.dtype(input), b.shape(input), b.known(input), true};
    inputs.push_back(std::move(spec));
  }
  return ops::resized_axes(node, {node.attrs, inputs, b.graph().opset, 1});
}

}  // namespace

bool emit_resize(Builder& b, const ir::Node& node) {
  if ((node.op != "Resize" && node.op != "Upsample") || b.dtype(node.inputs[0]) != DType::Float) return false;
  auto axes = axes_of(b, node);
  if (!axes) return false;
  int from = b.permuted(node.inputs[0]);
  if (axes->empty()) {
    if (b.shape(node.inputs[0]) != b.shape(node.outputs[0])) return false;
    b.bind(node.outputs[0], b.view(from, DType::Float, b.shape(node.outputs[0]), b.slot(from).desc));
    return true;
  }
  ir::Shape shape = b.shape(node.inputs[0]);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const ops::ResizedAxis& axis = (*axes)[i];
    const auto order = memory_order(b.slot(from).desc, shape.size());
    std::int64_t outer = 1, inner = 1;
    bool before = true;
    for (const std::size_t d : order) {
      if (d == axis.axis)
        before = false;
      else
        (before ? outer : inner) *= shape[d];
    }
    const std::int64_t length = shape[axis.axis];
    shape[axis.axis] = axis.output();
    const Desc desc = like(b.slot(from).desc, DataType::f32, shape);
    const int to = i + 1 == axes->size() ? b.make(node.outputs[0], desc) : b.scratch(DType::Float, shape, desc);
    b.step(node, "inc:resample", {from}, {to}, [=, axis = axis](Frame& f) {
      kernels::weigh_slices(f.as<float>(from), f.as<float>(to), outer, length, inner, axis.first, axis.index.data(),
                            axis.weight.data());
    });
    from = to;
  }
  return true;
}

}  // namespace inc::onednn
