#include <algorithm>
#include <numeric>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/linear.h"

namespace inc::onednn {
namespace {

using Dims = dnnl::memory::dims;

/// y[batch…, M, N] = x[batch…, M, K] · w[batch…, K, N]; with a weight of rank two the batch is part of M.
struct Form {
  ir::Shape x, w, y, bias;
  Dims x_strides, w_strides;
  float alpha = 1;
  bool flat = false;
  ir::ValueId bias_value, addend;  // addend: a Gemm C that is no bias
};

Dims swap_last(Dims dims) {
  std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return dims;
}

std::optional<Form> read_gemm(Builder& b, const Anchor& a) {
  const ir::Attrs& attrs = a.node.attrs;
  Form f;
  f.flat = true;
  f.x = b.shape(a.x);
  f.w = b.shape(a.weight);
  f.y = b.shape(a.node.outputs[0]);
  f.x_strides = row_major_strides(f.x);
  f.w_strides = row_major_strides(f.w);
  if (attrs.integer("transA") != 0) f.x = swap_last(f.x), f.x_strides = swap_last(f.x_strides);
  if (attrs.integer("transB") != 0) f.w = swap_last(f.w), f.w_strides = swap_last(f.w_strides);
  f.alpha = attrs.real("alpha", 1.0f);
  if (a.bias.none() || ir::element_count(b.shape(a.bias)) == 0) return f;
  ir::ValueId c = a.bias;
  if (const float beta = attrs.real("beta", 1.0f); beta != 1.0f) {
    if (!b.is_known(c) || b.dtype(c) != DType::Float) return std::nullopt;
    std::vector<float> scaled = b.known(c)->to_floats();
    for (float& v : scaled) v *= beta;
    c = b.add_known(ir::Tensor::of<float>(b.shape(c), scaled));
  }
  ir::Shape shape = b.shape(c);
  while (shape.size() < 2) shape.insert(shape.begin(), 1);
  const bool is_bias = f.alpha == 1.0f && shape[0] == 1 && shape[1] == f.y[1];
  (is_bias ? f.bias_value : f.addend) = c;
  f.bias = shape;
  return f;
}

std::optional<Form> read_matmul(Builder& b, const Anchor& a) {
  Form f;
  f.x = b.shape(a.x);
  f.w = b.shape(a.weight);
  f.y = b.shape(a.node.outputs[0]);
  if (f.x.size() == 1) f.x.insert(f.x.begin(), 1), f.y.insert(f.y.end() - (f.w.size() > 1 ? 1 : 0), 1);
  if (f.w.size() == 1) f.w.push_back(1), f.y.push_back(1);
  if (f.w.size() == 2) {
    f.flat = true;
    const std::int64_t k = f.x.back(), rows = ir::element_count(f.x) / k;
    f.x = {rows, k};
    f.y = {rows, f.w.back()};
  }
  while (f.x.size() < f.w.size()) f.x.insert(f.x.begin(), 1);
  while (f.w.size() < f.x.size()) f.w.insert(f.w.begin(), 1);
  f.x_strides = row_major_strides(f.x);
  f.w_strides = row_major_strides(f.w);
  if (!a.bias.none()) {
    if (ir::element_count(b.shape(a.bias)) != f.y.back()) return std::nullopt;
    f.bias.assign(f.y.size(), 1);
    f.bias.back() = f.y.back();
    f.bias_value = a.bias;
  }
  return f;
}

bool multiply(Builder& b, const Anchor& a, const Form& f, const Attempt& attempt) {
  const Arithmetic arithmetic = attempt.arithmetic;
  const bool int8 = arithmetic == Arithmetic::Int8, emulated = arithmetic == Arithmetic::Emulated;
  Epilogue epilogue(b, a, attempt);
  if (int8) epilogue.attr.set_scales_mask(DNNL_ARG_WEIGHTS, a.weights->scale.size() == 1 ? 0 : 1 << (f.w.size() - 1));
  if (emulated) {
    ir::Shape columns(f.y.size(), 1);
    columns.back() = f.y.back();
    std::vector<float> scale(static_cast<std::size_t>(f.y.back()));
    for (std::size_t c = 0; c < scale.size(); ++c)
      scale[c] = a.input->scale.scale * a.weights->scale[a.weights->scale.size() == 1 ? 0 : c];
    epilogue.multiply(constant_floats(b, scale, columns));
  }
  if (f.alpha != 1.0f) epilogue.factor(f.alpha);
  const bool biased = !f.bias_value.none() && !emulated;
  if (!f.bias_value.none() && emulated) epilogue.add(b.view(b.plain(f.bias_value), DType::Float, f.bias));
  if (!f.addend.none()) epilogue.add(b.view(b.plain(f.addend), DType::Float, f.bias));
  epilogue.residual(plain_desc(DType::Float, f.y));
  epilogue.activate();
  epilogue.seal();

  const DType to = epilogue.destination_type();
  const Desc src(f.x, int8 ? *data_type(a.input->scale.dtype) : DataType::f32, f.x_strides);
  const bool packs = b.is_known(a.weight) && f.flat;
  const DataType weight_type = int8 ? DataType::s8 : DataType::f32;
  const Desc stored(f.w, weight_type, f.w_strides);
  const Desc weights = packs ? any_desc(weight_type, f.w) : stored;
  const Desc dst = plain_desc(to, f.y);
  using Pd = dnnl::matmul::primitive_desc;
  const Pd pd = biased ? Pd(cpu(), src, weights, plain_desc(DType::Float, f.bias), dst, epilogue.attr, true)
                       : Pd(cpu(), src, weights, dst, epilogue.attr, true);
  if (!pd || (!attempt.reference && is_reference(pd))) return false;

  const ir::ValueId x = int8 ? a.input->q : emulated ? input_as_floats(b, a) : a.x;
  const ir::ValueId w = int8 ? a.weights->q : emulated ? weights_as_floats(b, a) : a.weight;
  auto args = epilogue.args(pd);
  args.emplace_back(DNNL_ARG_SRC, b.view(b.plain(x), b.dtype(x), f.x, src));
  args.emplace_back(DNNL_ARG_WEIGHTS,
                    packs ? b.packed(w, stored, pd.weights_desc()) : b.view(b.plain(w), b.dtype(w), f.w, stored));
  if (biased) args.emplace_back(DNNL_ARG_BIAS, b.view(b.plain(f.bias_value), DType::Float, f.bias));
  const int output = epilogue.destination(plain_desc(to, b.shape(a.node.outputs[0])));
  args.emplace_back(DNNL_ARG_DST, b.view(output, to, f.y, dst));
  finish(b, a, arithmetic, b.primitive(a.node, pd, dnnl::matmul(pd), std::move(args)), output);
  return true;
}

}  // namespace

bool emit_matmul(Builder& b, const ir::Node& node) {
  const bool gemm = node.op == "Gemm" || node.op == "inc.Gemm";
  if (!gemm && node.op != "MatMul" && node.op != "inc.MatMul") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || b.shape(node.inputs[1]).empty() || b.shape(node.inputs[0]).empty())
    return false;
  const int rank = static_cast<int>(b.shape(node.inputs[1]).size());
  Anchor anchor = read_anchor(b, node, gemm && node.attrs.integer("transB") != 0 ? 0 : rank - 1);
  const auto form = gemm ? read_gemm(b, anchor) : read_matmul(b, anchor);
  if (!form) return false;
  if (anchor.integer && !form->flat) {
    anchor.integer = false;
    anchor.note = "the integer weight has more than two dimensions";
  }
  return make_steps(anchor, [&](const Attempt& attempt) { return multiply(b, anchor, *form, attempt); });
}

}  // namespace inc::onednn
