#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/walk.h"
#include "kernels/normalize/normalize.h"

namespace inc::onednn {
namespace {

bool emit_softmax_across(Builder& b, const ir::Node& node, const ir::Shape& shape, std::size_t axis) {
  const auto count = [&](std::size_t begin, std::size_t end) {
    return ir::element_count(
        {shape.begin() + static_cast<std::ptrdiff_t>(begin), shape.begin() + static_cast<std::ptrdiff_t>(end)});
  };
  const std::int64_t outer = count(0, axis), length = shape[axis], inner = count(axis + 1, shape.size());
  if (inner < 2 || outer * length == 0) return false;
  const int from = b.plain(node.inputs[0]), to = b.make(node.outputs[0]);
  b.step(node, "inc:softmax_across", {from}, {to},
         [=](Frame& f) { kernels::softmax_across(f.as<float>(from), f.as<float>(to), outer, length, inner); });
  return true;
}

bool emit_softmax(Builder& b, const ir::Node& node) {
  const ir::Shape& shape = b.shape(node.inputs[0]);
  const bool whole_tail = b.graph().opset < 13;
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", whole_tail ? 1 : -1), shape.size()));
  ir::Shape seen = shape;
  int along = static_cast<int>(axis);
  if (whole_tail) {
    seen = {1, 1};
    for (std::size_t i = 0; i < shape.size(); ++i) seen[i < axis ? 0 : 1] *= shape[i];
    along = 1;
  }
  if (seen.empty() || seen.size() > DNNL_MAX_NDIMS) return false;
  if (node.op == "Softmax" && !whole_tail && emit_softmax_across(b, node, shape, axis)) return true;
  const Desc desc = plain_desc(DType::Float, seen);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto algorithm = node.op == "Softmax" ? dnnl::algorithm::softmax_accurate : dnnl::algorithm::softmax_log;
  const dnnl::softmax_forward::primitive_desc pd(cpu(), dnnl::prop_kind::forward_inference, algorithm, desc, desc, along,
                                                 attr, true);
  if (!pd) return false;
  const int from = b.view(b.plain(node.inputs[0]), DType::Float, seen), to = b.make(node.outputs[0]);
  b.primitive(node, pd, dnnl::softmax_forward(pd), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, b.view(to, DType::Float, seen)}});
  return true;
}

bool emit_norm(Builder& b, const ir::Node& node, bool centred) {
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (!node.outputs[i].none()) return false;
  const ir::Shape& shape = b.shape(node.inputs[0]);
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", -1), shape.size()));
  std::int64_t rows = 1, columns = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? rows : columns) *= shape[i];
  const ir::ValueId scales = b.widened(node.input(1)), shifts = b.widened(node.input(2));
  for (const ir::ValueId v : {scales, shifts})
    if (!v.none() && (b.dtype(v) != DType::Float || ir::element_count(b.shape(v)) != columns)) return false;
  const float epsilon = node.attrs.real("epsilon", 1e-5f);
  const int from = b.plain(node.inputs[0]), scale = b.plain(scales);
  const int shift = shifts.none() ? -1 : b.plain(shifts);
  const int to = b.make(node.outputs[0]);
  std::vector<int> reads{from, scale};
  if (shift >= 0) reads.push_back(shift);
  const auto normalize = [=]<class T>(Frame& f, T) {
    const float* offsets = shift < 0 ? nullptr : f.as<float>(shift);
    if (centred)
      kernels::layer_norm(f.as<T>(from), f.as<T>(to), rows, columns, f.as<float>(scale), offsets, epsilon);
    else
      kernels::rms_norm(f.as<T>(from), f.as<T>(to), rows, columns, f.as<float>(scale), epsilon);
  };
  const bool bf16 = b.dtype(node.inputs[0]) == DType::BFloat16;
  b.step(node, centred ? "inc:layer_norm" : "inc:rms_norm", reads, {to},
         [=](Frame& f) { bf16 ? normalize(f, BFloat16{}) : normalize(f, float{}); });
  return true;
}

}  // namespace

bool emit_normalize(Builder& b, const ir::Node& node) {
  if (node.inputs.empty() || node.inputs[0].none()) return false;
  if (b.dtype(node.inputs[0]) == DType::BFloat16 && has_bf16()) {
    if (node.op == "LayerNormalization" || node.op == "RMSNormalization") return emit_norm(b, node, node.op[0] == 'L');
    return false;
  }
  if (b.dtype(node.inputs[0]) != DType::Float) return false;
  if (node.op == "Softmax" || node.op == "LogSoftmax") return emit_softmax(b, node);
  if (node.op == "LayerNormalization") return emit_norm(b, node, true);
  if (node.op == "RMSNormalization") return emit_norm(b, node, false);
  return false;
}

}  // namespace inc::onednn
