#include <algorithm>
#include <array>
#include <limits>

#include "adaptors/onednn/bf16.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/walk.h"
#include "kernels/elementwise/elementwise.h"

namespace inc::onednn {
namespace {

template <class Op>
struct Named {
  std::string_view name;
  Op op;
};
constexpr Named<kernels::Binary> kBinary[] = {
    {"Add", kernels::Binary::Add}, {"Sub", kernels::Binary::Sub}, {"Mul", kernels::Binary::Mul},
    {"Div", kernels::Binary::Div}, {"Max", kernels::Binary::Max}, {"Min", kernels::Binary::Min},
    {"Pow", kernels::Binary::Pow}, {"Sum", kernels::Binary::Add}, {"PRelu", kernels::Binary::PRelu}};
constexpr Named<kernels::Compare> kCompare[] = {{"Equal", kernels::Compare::Equal},
                                                {"Less", kernels::Compare::Less},
                                                {"LessOrEqual", kernels::Compare::LessOrEqual},
                                                {"Greater", kernels::Compare::Greater},
                                                {"GreaterOrEqual", kernels::Compare::GreaterOrEqual}};
constexpr Named<kernels::Unary> kUnary[] = {{"Erf", kernels::Unary::Erf},
                                            {"Neg", kernels::Unary::Neg},
                                            {"Abs", kernels::Unary::Abs},
                                            {"Sqrt", kernels::Unary::Sqrt},
                                            {"Floor", kernels::Unary::Floor},
                                            {"Ceil", kernels::Unary::Ceil},
                                            {"Reciprocal", kernels::Unary::Reciprocal},
                                            {"Relu", kernels::Unary::Relu},
                                            {"Exp", kernels::Unary::Exp}};

template <class Op, std::size_t kRows>
const Named<Op>* find(const Named<Op> (&table)[kRows], std::string_view name) {
  const auto* it = std::find_if(std::begin(table), std::end(table), [&](const auto& row) { return row.name == name; });
  return it != std::end(table) ? it : nullptr;
}

bool is_real(DType type) {
  return type == DType::Float || type == DType::BFloat16;
}

/// The slot to write a result of the same shape and type into: the input's own where it may be overwritten.
int same_place(Builder& b, const ir::Node& node, std::size_t input, int from) {
  const ir::ValueId x = node.inputs[input];
  const Slot& source = b.slot(from);
  if (!b.exclusive(x, node) || b.any(x) != from) return b.make(node.outputs[0], source.desc);
  const int to = b.view(from, source.dtype, source.shape, source.desc);
  b.bind(node.outputs[0], to);
  return to;
}

int dense(Builder& b, ir::ValueId value) {
  const int slot = b.any(value);
  return b.slot(slot).desc.is_zero() || is_dense(b.slot(slot).desc) ? slot : b.plain(value);
}

/// act(source, destination, count) on FP32 or BF16.
template <class Act>
void emit_each(Builder& b, const ir::Node& node, std::string kernel, Act act) {
  const int from = dense(b, node.inputs[0]);
  const std::int64_t count = ir::element_count(b.shape(node.inputs[0]));
  const int to = same_place(b, node, 0, from);
  const bool bf16 = b.slot(from).dtype == DType::BFloat16;
  b.step(node, std::move(kernel), {from}, {to}, [=](Frame& f) {
    if (bf16)
      act(f.as<BFloat16>(from), f.as<BFloat16>(to), count);
    else
      act(f.as<float>(from), f.as<float>(to), count);
  });
}

void emit_unary(Builder& b, const ir::Node& node, kernels::Unary op) {
  emit_each(b, node, "inc:unary",
            [op](const auto* src, auto* dst, std::int64_t count) { kernels::unary(op, src, dst, count); });
}

/// Clip between known bounds, and HardSigmoid.
std::optional<kernels::CutLine> cut_line(const Builder& b, const ir::Node& node) {
  const ir::Attrs& a = node.attrs;
  if (node.op == "HardSigmoid") return kernels::CutLine{a.real("alpha", 0.2f), a.real("beta", 0.5f), 0, 1};
  if (node.op != "Clip") return std::nullopt;
  kernels::CutLine line;
  line.low = a.real("min", std::numeric_limits<float>::lowest());
  line.high = a.real("max", std::numeric_limits<float>::max());
  for (const std::size_t i : {1u, 2u}) {
    if (node.input(i).none()) continue;
    const ir::Tensor* bound = b.known(node.input(i));
    if (bound == nullptr || !is_float(bound->dtype()) || bound->count() != 1) return std::nullopt;
    (i == 1 ? line.low : line.high) = bound->to_floats()[0];
  }
  return line;
}

struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0, beta = 0;
};

std::optional<Eltwise> eltwise(const ir::Node& node) {
  using dnnl::algorithm;
  const ir::Attrs& a = node.attrs;
  const std::string& op = node.op;
  if (op == "LeakyRelu") return Eltwise{algorithm::eltwise_relu, a.real("alpha", 0.01f)};
  if (op == "Sigmoid") return Eltwise{algorithm::eltwise_logistic};
  if (op == "Tanh") return Eltwise{algorithm::eltwise_tanh};
  if (op == "Round") return Eltwise{algorithm::eltwise_round};
  if (op == "Mish") return Eltwise{algorithm::eltwise_mish};
  if (op == "Elu") return Eltwise{algorithm::eltwise_elu, a.real("alpha", 1.0f)};
  if (op == "HardSwish") return Eltwise{algorithm::eltwise_hardswish, 1.0f / 6, 0.5f};
  if (op == "Swish") return Eltwise{algorithm::eltwise_swish, a.real("alpha", 1.0f)};
  if (op == "Gelu")
    return Eltwise{a.text("approximate", "none") == "tanh" ? algorithm::eltwise_gelu_tanh : algorithm::eltwise_gelu_erf};
  return std::nullopt;
}

bool emit_eltwise(Builder& b, const ir::Node& node, const Eltwise& e) {
  const int from = b.any(node.inputs[0]);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const Desc desc = b.slot(from).desc;
  const dnnl::eltwise_forward::primitive_desc pd(cpu(), dnnl::prop_kind::forward_inference, e.algorithm, desc, desc, e.alpha,
                                                 e.beta, attr, true);
  if (!pd) return false;
  const int to = same_place(b, node, 0, from);
  b.primitive(node, pd, dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
  return true;
}

/// A constant whose rows are short and used again and again, repeated until rows are long.
ir::ValueId in_long_rows(Builder& b, ir::ValueId value, ir::ValueId other, const ir::Shape& shape) {
  constexpr std::int64_t kShort = 64, kLong = 1 << 14;
  const ir::Tensor* known = b.known(value);
  if (known == nullptr || !is_real(known->dtype()) || known->count() <= 1 || b.shape(other) != shape) return value;
  const Desc& layout = b.slot(b.any(other)).desc;
  if (layout.is_zero() || !is_plain(layout)) return value;
  ir::Shape full(shape.size() - known->shape().size(), 1);
  full.insert(full.end(), known->shape().begin(), known->shape().end());
  std::int64_t row = 1, count = 1;
  std::size_t axis = shape.size();
  while (axis > 0 && full[axis - 1] == shape[axis - 1]) row *= shape[--axis];
  if (row == 1 || row >= kShort || axis == 0) return value;
  for (std::size_t i = shape.size(); i-- > 0; count *= shape[i])
    if (i < axis && count * shape[i] <= kLong) full[i] = shape[i];
  return b.repeated(value, full);
}

/// Both operands in layouts whose strides run along one memory order of the destination.
struct Pair {
  int a, b;
  Desc desc;  // of the destination
  kernels::Broadcast walk;
  int full = -1;  // operand with the destination's shape
};

Pair pair_up(Builder& b, const ir::Node& node) {
  const ir::Shape& shape = b.shape(node.outputs[0]);
  const ir::ValueId inputs[2] = {in_long_rows(b, node.inputs[0], node.inputs[1], shape),
                                 in_long_rows(b, node.inputs[1], node.inputs[0], shape)};
  Pair p{};
  int slots[2] = {-1, -1};
  for (const int i : {0, 1}) {
    if (b.shape(inputs[i]) != shape) continue;
    const int here = b.any(inputs[i]);
    const bool better = p.full < 0 || (is_plain(b.slot(slots[p.full]).desc) && !b.slot(here).desc.is_zero());
    slots[i] = here;
    if (better) p.full = i;
  }
  const int other = 1 - p.full;
  if (p.full >= 0) {
    const Desc layout = b.slot(slots[p.full]).desc;  // a copy: slots move where one is added
    const bool same_shape = b.shape(inputs[other]) == shape;
    if (!layout.is_zero() && !is_plain(layout) && same_shape && is_dense(layout)) {
      slots[other] = b.in(inputs[other], layout);
      const std::int64_t count = ir::element_count(shape), one = 1;
      p.desc = layout;
      p.a = slots[0], p.b = slots[1];
      p.walk = kernels::broadcast({&count, 1}, {&one, 1}, {&one, 1});
      return p;
    }
    if (!layout.is_zero() && is_permuted(layout) && !same_shape) p.desc = layout;
  }
  for (const int i : {0, 1})
    if (i != p.full || p.desc.is_zero()) slots[i] = b.plain(inputs[i]);
  p.a = slots[0], p.b = slots[1];
  const auto order = memory_order(p.desc, shape.size());
  p.walk = kernels::broadcast(reordered(shape, order), reordered(strides_along(b.slot(p.a), shape), order),
                              reordered(strides_along(b.slot(p.b), shape), order));
  return p;
}

bool emit_power(Builder& b, const ir::Node& node) {
  const ir::Tensor* exponent = b.known(node.inputs[1]);
  if (exponent == nullptr || exponent->count() != 1 || b.shape(node.inputs[0]) != b.shape(node.outputs[0])) return false;
  const float e = exponent->to_floats()[0];
  if (e == 2.0f) return emit_unary(b, node, kernels::Unary::Square), true;
  if (e == 0.5f) return emit_unary(b, node, kernels::Unary::Sqrt), true;
  if (e == 3.0f) return emit_unary(b, node, kernels::Unary::Cube), true;
  if (e == 0.75f) return emit_unary(b, node, kernels::Unary::ThreeQuarters), true;
  return false;
}

bool emit_binary(Builder& b, const ir::Node& node, kernels::Binary op) {
  const DType type = b.dtype(node.inputs[0]);
  if (node.inputs.size() != 2 || b.dtype(node.inputs[1]) != type)
    return op == kernels::Binary::Pow && is_real(type) && emit_power(b, node);
  const bool integer = type == DType::Int32 || type == DType::Int64;
  if (!is_real(type) && !integer) return false;
  if (integer && (op == kernels::Binary::Div || op == kernels::Binary::Pow || op == kernels::Binary::PRelu)) return false;
  if (op == kernels::Binary::Pow && emit_power(b, node)) return true;
  const Pair p = pair_up(b, node);
  int to = -1;
  for (const std::size_t i : {0u, 1u})
    if (to < 0 && b.shape(node.inputs[i]) == b.shape(node.outputs[0]) && node.inputs[0] != node.inputs[1] &&
        b.exclusive(node.inputs[i], node) && b.any(node.inputs[i]) == (i == 0 ? p.a : p.b))
      to = same_place(b, node, i, i == 0 ? p.a : p.b);
  if (to < 0) to = b.make(node.outputs[0], p.desc);
  b.step(node, "inc:binary", {p.a, p.b}, {to}, [=](Frame& f) {
    if (type == DType::Float) kernels::binary(op, f.as<float>(p.a), f.as<float>(p.b), f.as<float>(to), p.walk);
    if (type == DType::BFloat16) kernels::binary(op, f.as<BFloat16>(p.a), f.as<BFloat16>(p.b), f.as<BFloat16>(to), p.walk);
    if (type == DType::Int32)
      kernels::binary(op, f.as<std::int32_t>(p.a), f.as<std::int32_t>(p.b), f.as<std::int32_t>(to), p.walk);
    if (type == DType::Int64)
      kernels::binary(op, f.as<std::int64_t>(p.a), f.as<std::int64_t>(p.b), f.as<std::int64_t>(to), p.walk);
  });
  return true;
}

bool emit_compare(Builder& b, const ir::Node& node, kernels::Compare op) {
  const DType type = b.dtype(node.inputs[0]);
  constexpr std::array kTypes{DType::Float, DType::Int32, DType::Int64, DType::UInt8, DType::Int8, DType::Bool};
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) return false;
  const ir::Shape& shape = b.shape(node.outputs[0]);
  const int x = b.plain(node.inputs[0]), y = b.plain(node.inputs[1]), to = b.make(node.outputs[0]);
  const auto walk = kernels::broadcast(shape, strides_along(b.slot(x), shape), strides_along(b.slot(y), shape));
  b.step(node, "inc:compare:scalar", {x, y}, {to},
         [=](Frame& f) { kernels::compare(op, type, f.at(x), f.at(y), f.as<bool>(to), walk); });
  return true;
}

bool emit_where(Builder& b, const ir::Node& node) {
  const ir::Shape shape = b.shape(node.outputs[0]);
  const std::size_t size = size_of(b.dtype(node.outputs[0]));
  const int c = b.plain(node.inputs[0]), x = b.plain(node.inputs[1]), y = b.plain(node.inputs[2]);
  const int to = b.make(node.outputs[0]);
  const ir::Shape sc = strides_along(b.slot(c), shape), sx = strides_along(b.slot(x), shape),
                  sy = strides_along(b.slot(y), shape);
  b.step(node, "inc:choose:scalar", {c, x, y}, {to},
         [=](Frame& f) { kernels::choose(f.as<bool>(c), sc, f.at(x), f.at(y), f.at(to), size, shape, sx, sy); });
  return true;
}

bool emit_cast(Builder& b, const ir::Node& node) {
  const DType from_type = b.dtype(node.inputs[0]), to_type = b.dtype(node.outputs[0]);
  if (from_type == to_type) {
    const int slot = b.any(node.inputs[0]);
    b.bind(node.outputs[0], b.view(slot, to_type, b.shape(node.outputs[0]), b.slot(slot).desc));
    return true;
  }
  if (emit_bf16_cast(b, node)) return true;
  if (!kernels::convert(from_type, nullptr, to_type, nullptr, 0)) return false;
  const int from = b.plain(node.inputs[0]), to = b.make(node.outputs[0]);
  const std::int64_t count = ir::element_count(b.shape(node.outputs[0]));
  b.step(node, "inc:convert:scalar", {from}, {to},
         [=](Frame& f) { kernels::convert(from_type, f.at(from), to_type, f.at(to), count); });
  return true;
}

}  // namespace

bool emit_elementwise(Builder& b, const ir::Node& node) {
  if (node.inputs.empty() || node.inputs[0].none()) return false;
  if (const auto* row = find(kBinary, node.op)) return emit_binary(b, node, row->op);
  if (const auto* row = find(kCompare, node.op)) return emit_compare(b, node, row->op);
  if (node.op == "Where") return emit_where(b, node);
  if (node.op == "Cast") return emit_cast(b, node);
  if (!is_real(b.dtype(node.inputs[0]))) return false;
  if (const auto* row = find(kUnary, node.op)) return emit_unary(b, node, row->op), true;
  if (const auto line = cut_line(b, node)) {
    emit_each(b, node, "inc:cut_line",
              [line](const auto* src, auto* dst, std::int64_t count) { kernels::cut_line(src, dst, count, *line); });
    return true;
  }
  if (const auto e = eltwise(node)) return emit_eltwise(b, node, *e);
  return false;
}

}  // namespace inc::onednn
