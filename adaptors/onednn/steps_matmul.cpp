#include <algorithm>
#include <numeric>

#include "adaptors/onednn/dense32.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/integer.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/linear.h"
#include "core/base/parallel.h"

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
  DType bias_type = DType::Float;  // of either
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
    if (!b.is_known(c) || !is_float(b.dtype(c))) return std::nullopt;
    std::vector<float> scaled = b.known(c)->to_floats();
    for (float& v : scaled) v *= beta;
    c = b.add_known(ir::Tensor::of<float>(b.shape(c), scaled));
  }
  ir::Shape shape = b.shape(c);
  while (shape.size() < 2) shape.insert(shape.begin(), 1);
  const bool is_bias = f.alpha == 1.0f && shape[0] == 1 && shape[1] == f.y[1];
  (is_bias ? f.bias_value : f.addend) = c;
  f.bias = shape;
  f.bias_type = b.dtype(c);
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
    f.bias_type = b.dtype(a.bias);
  }
  return f;
}

/// oneDNN's FP32 gemm splits a long K among threads that M and N leave idle, in blocks of at least 48 by 64 and 192.
bool splits_sums(const Form& f, const dnnl::primitive_desc_base& pd) {
  if (std::string_view(pd.impl_info_str()).find("gemm") == std::string_view::npos) return false;
  const auto blocks = [](std::int64_t m, std::int64_t n) { return ((m + 63) / 64) * ((n + 63) / 64); };
  return f.x.back() > 192 && blocks(f.y[f.y.size() - 2], f.y.back()) < threads();
}

struct Chosen {
  dnnl::primitive_desc desc;
  dnnl::primitive primitive;
  Desc stored, bias;  // as the primitive sees them
};

/// Without AVX512 the library's inner product is faster than its multiplication and, unlike it, sums every row alike
/// wherever a thread's share begins.
Chosen choose(const Form& f, const Desc& src, const Desc& stored, const Desc& dst, bool packs, bool biased, bool real,
              const dnnl::primitive_attr& attr) {
  if (real && packs && f.x_strides.back() == 1 && !isa_name().starts_with("avx512")) {
    const ir::Shape turned{f.w[1], f.w[0]};
    const Desc weights = any_desc(DataType::f32, turned), bias({f.w[1]}, DataType::f32, Tag::a);
    const auto kind = dnnl::prop_kind::forward_inference;
    using Pd = dnnl::inner_product_forward::primitive_desc;
    const Pd pd =
        biased ? Pd(cpu(), kind, src, weights, bias, dst, attr, true) : Pd(cpu(), kind, src, weights, dst, attr, true);
    if (pd && std::string_view(pd.impl_info_str()).starts_with("brg"))
      return {pd, dnnl::inner_product_forward(pd), stored.permute_axes({1, 0}), bias};
  }
  const Desc weights = packs ? any_desc(stored.get_data_type(), f.w) : stored;
  const Desc bias = biased ? plain_desc(f.bias_type, f.bias) : Desc();
  using Pd = dnnl::matmul::primitive_desc;
  const Pd pd = biased ? Pd(cpu(), src, weights, bias, dst, attr, true) : Pd(cpu(), src, weights, dst, attr, true);
  return {pd, pd ? dnnl::matmul(pd) : dnnl::primitive(), stored, bias};
}

/// Matrices of a stack, each by one thread: the library would cut them where the number of threads says.
bool multiply_each(Builder& b, const Anchor& a, const Form& f) {
  if (f.flat || a.bf16 || !a.bias.none() || !a.residual.none() || a.epilogue.activation != "none" ||
      isa_name().starts_with("avx512"))
    return false;
  const std::size_t rank = f.y.size();
  const auto matrix = [&](const ir::Shape& dims) { return plain_desc(DType::Float, {dims[rank - 2], dims[rank - 1]}); };
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::matmul::primitive_desc pd(cpu(), matrix(f.x), matrix(f.w), matrix(f.y), attr, true);
  if (!pd || is_reference(pd) || pd.scratchpad_desc().get_size() != 0) return false;
  std::vector<std::int64_t> x_at{0}, w_at{0};
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    std::vector<std::int64_t> x_next, w_next;
    for (std::size_t i = 0; i < x_at.size(); ++i)
      for (std::int64_t k = 0; k < f.y[axis]; ++k) {
        x_next.push_back(x_at[i] + (f.x[axis] == 1 ? 0 : k * f.x_strides[axis]));
        w_next.push_back(w_at[i] + (f.w[axis] == 1 ? 0 : k * f.w_strides[axis]));
      }
    x_at = std::move(x_next), w_at = std::move(w_next);
  }
  const int x = b.plain(a.x), w = b.plain(a.weight), y = b.make(a.node.outputs[0]);
  const std::int64_t step = f.y[rank - 2] * f.y[rank - 1];
  Step& made = b.step(
      a.node, std::string("onednn:") + pd.impl_info_str(), {x, w}, {y}, [=, primitive = dnnl::matmul(pd)](Frame& frame) {
        parallel_for(static_cast<std::int64_t>(x_at.size()), 1, [&](std::int64_t begin, std::int64_t end) {
          const int team = threads();
          set_threads(1);
          dnnl::stream stream(cpu());
          for (std::int64_t i = begin; i < end; ++i) {
            const auto at = static_cast<std::size_t>(i);
            dnnl::memory src(pd.src_desc(), cpu(), frame.as<float>(x) + x_at[at]);
            dnnl::memory weights(pd.weights_desc(), cpu(), frame.as<float>(w) + w_at[at]);
            dnnl::memory dst(pd.dst_desc(), cpu(), frame.as<float>(y) + i * step);
            primitive.execute(stream, {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}});
          }
          set_threads(team);
        });
      });
  made.profile.emulated = !a.note.empty();
  made.profile.note = a.note;
  return true;
}

bool multiply(Builder& b, const Anchor& a, const Form& f, const Attempt& attempt) {
  const Arithmetic arithmetic = attempt.arithmetic;
  const bool int8 = arithmetic == Arithmetic::Int8, emulated = arithmetic == Arithmetic::Emulated;
  Epilogue epilogue(b, a, attempt);
  if (int8) epilogue.attr.set_scales_mask(DNNL_ARG_WEIGHTS, a.weights->scale.size() == 1 ? 0 : 1 << (f.w.size() - 1));
  ir::Shape columns(f.y.size(), 1);
  columns.back() = f.y.back();
  if (emulated) epilogue.scale_sums(columns);
  if (f.alpha != 1.0f) epilogue.factor(f.alpha);
  if (!f.bias_value.none() && emulated) epilogue.add(b.view(b.plain(f.bias_value), f.bias_type, f.bias));
  if (!f.addend.none()) epilogue.add(b.view(b.plain(f.addend), f.bias_type, f.bias));
  const DType real = real_type(arithmetic);
  epilogue.residual(plain_desc(real, f.y));
  epilogue.activate();
  if (!epilogue.multiply_factors(columns)) return false;
  epilogue.seal();

  const DType to = epilogue.destination_type();
  const bool packs = b.is_known(a.weight) && f.flat, biased = !f.bias_value.none() && !emulated;
  const Desc src(f.x, *data_type(int8 ? a.input->scale.dtype : real), f.x_strides), dst = plain_desc(to, f.y);
  const Desc stored(f.w, *data_type(int8 ? DType::Int8 : real), f.w_strides);
  const Chosen chosen = choose(f, src, stored, dst, packs, biased, real == DType::Float && !int8, epilogue.attr);
  const dnnl::primitive_desc_base& pd = chosen.desc;
  if (!pd || (!attempt.reference && is_reference(pd))) return false;

  const ir::ValueId x = int8 ? a.input->q : emulated ? input_as_floats(b, a) : a.x;
  const ir::ValueId w = int8 ? a.weights->q : emulated ? weights_as_floats(b, a) : a.weight;
  auto args = epilogue.args(pd);
  args.emplace_back(DNNL_ARG_SRC, b.view(b.plain(x), b.dtype(x), f.x, src));
  args.emplace_back(DNNL_ARG_WEIGHTS, packs ? b.packed(w, chosen.stored, chosen.desc.weights_desc())
                                            : b.view(b.plain(w), b.dtype(w), f.w, stored));
  if (biased) args.emplace_back(DNNL_ARG_BIAS, b.view(b.plain(f.bias_value), f.bias_type, f.bias, chosen.bias));
  const int output = epilogue.destination(plain_desc(to, b.shape(a.node.outputs[0])));
  args.emplace_back(DNNL_ARG_DST, b.view(output, to, f.y, dst));
  Step& step = b.primitive(a.node, pd, chosen.primitive, std::move(args));
  step.alone = !int8 && splits_sums(f, pd);
  finish(b, a, attempt, step, output);
  return true;
}

/// The group in kernels/integer.
bool multiply_exactly(Builder& b, Anchor& a, const Form& f) {
  if (!a.integer || !f.flat || f.x_strides.back() != 1 || !b.is_known(a.weight)) return false;
  if (!f.addend.none() && f.bias != ir::Shape{1, f.y[1]}) return false;
  IntegerForm form;
  form.shape.images = f.y[0], form.shape.channels = f.x[1], form.shape.out_channels = f.w[1];
  form.strides.out = f.w_strides[1], form.strides.in = f.w_strides[0];
  form.src = plain_desc(a.input->scale.dtype, b.shape(a.x));
  form.dst = plain_desc(DType::Float, b.shape(a.node.outputs[0]));
  form.bias = f.addend.none() ? f.bias_value : f.addend;
  form.alpha = f.alpha;
  return emit_integers(b, a, form);
}

/// The group in kernels/dense32.
bool multiply_rows(Builder& b, const Anchor& a, const Form& f) {
  if (!f.flat || f.x_strides.back() != 1 || !b.is_known(a.weight) || b.dtype(a.x) != DType::Float) return false;
  if (f.alpha != 1.0f || !f.addend.none()) return false;
  return emit_products(b, a,
                       {kernels::product_shape(f.y[0], f.x[1], f.w[1]),
                        {nullptr, f.w_strides[1], f.w_strides[0]},
                        plain_desc(DType::Float, b.shape(a.x)),
                        plain_desc(DType::Float, b.shape(a.node.outputs[0])),
                        f.bias_value});
}

bool multiply_integers(Builder& b, const ir::Node& node) {
  if (b.shape(node.inputs[0]).size() < 2 || b.shape(node.inputs[1]).size() != 2) return false;
  auto anchor = read_integers(b, node, 1);
  const auto form = anchor ? read_matmul(b, *anchor) : std::nullopt;
  if (!form) return false;
  if (multiply_exactly(b, *anchor, *form)) return true;
  return make_steps(*anchor, [&](const Attempt& attempt) { return multiply(b, *anchor, *form, attempt); });
}

}  // namespace

bool emit_matmul(Builder& b, const ir::Node& node) {
  if (node.op == "MatMulInteger") return multiply_integers(b, node);
  const bool gemm = node.op == "Gemm" || node.op == "inc.Gemm";
  if (!gemm && node.op != "MatMul" && node.op != "inc.MatMul") return false;
  if (!multiplies(b.dtype(node.inputs[0])) || b.shape(node.inputs[1]).empty() || b.shape(node.inputs[0]).empty())
    return false;
  const int rank = static_cast<int>(b.shape(node.inputs[1]).size());
  Anchor anchor = read_anchor(b, node, gemm && node.attrs.integer("transB") != 0 ? 0 : rank - 1);
  const auto form = gemm ? read_gemm(b, anchor) : read_matmul(b, anchor);
  if (!form) return false;
  if (anchor.integer && !form->flat) {
    anchor.integer = false;
    anchor.note = "the integer weight has more than two dimensions";
  }
  if (multiply_each(b, anchor, *form)) return true;
  if (multiply_exactly(b, anchor, *form) || multiply_rows(b, anchor, *form)) return true;
  return make_steps(anchor, [&](const Attempt& attempt) { return multiply(b, anchor, *form, attempt); });
}

}  // namespace inc::onednn
