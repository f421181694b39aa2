#include "adaptors/onednn/bf16.h"

#include <algorithm>
#include <set>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/error.h"
#include "kernels/bfloat16/bfloat16.h"

namespace inc::onednn {
namespace {

/// A new slot for `value` of another type in the memory order of `from`.
int make_in_order(Builder& b, ir::ValueId value, int from) {
  const Desc& desc = b.slot(from).desc;
  if (desc.is_zero() || is_plain(desc)) return b.make(value);
  return b.make(value, like(desc, *data_type(b.dtype(value)), b.shape(value)));
}

ir::Node cast_node(const ir::Graph& graph, ir::ValueId value) {
  ir::Node node;
  node.op = "Cast";
  node.name = graph.alive(value) ? graph.value(value).name : "";
  return node;
}

std::string why_not_native() {
  return has_bf16() ? "computed in FP32 between conversions" : isa_name() + " has no BF16: FP32, rounded to BF16";
}

}  // namespace

bool touches_bf16(const Builder& b, const ir::Node& node) {
  const auto is_bf16 = [&](ir::ValueId v) { return !v.none() && b.dtype(v) == DType::BFloat16; };
  return std::any_of(node.inputs.begin(), node.inputs.end(), is_bf16) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), is_bf16);
}

bool keeps_bf16(const ir::Node& node) {
  static const std::set<std::string, std::less<>> ops = {
      "Reshape",        "Flatten",   "Squeeze", "Unsqueeze", "Identity", "Dropout", "Transpose",    "Slice",
      "Split",          "Concat",    "Pad",     "Gather",    "GatherND", "Expand",  "Tile",         "Where",
      "GatherElements", "MaxPool",   "Relu",    "Neg",       "Abs",      "Max",     "Min",          "GlobalMaxPool",
      "ReduceMax",      "ReduceMin", "Floor",   "Ceil",      "Clip",     "Cast",    "DepthToSpace", "SpaceToDepth"};
  return ops.contains(node.op);
}

std::vector<const ir::Node*> only_bf16_casts(const Builder& b, ir::ValueId value) {
  if (!b.graph().alive(value) || b.observed(value)) return {};
  std::vector<const ir::Node*> casts;
  for (const ir::NodeId id : b.graph().value(value).consumers) {
    const ir::Node& user = b.graph().node(id);
    if (user.op != "Cast" || b.dtype(user.outputs[0]) != DType::BFloat16) return {};
    casts.push_back(&user);
  }
  return casts;
}

void emit_narrowing(Builder& b, const ir::Node& node, ir::ValueId from_value, ir::ValueId to_value) {
  const int from = b.permuted(from_value), to = make_in_order(b, to_value, from);
  const std::int64_t count = ir::element_count(b.shape(from_value));
  b.step(node, "inc:to_bf16", {from}, {to},
         [=](Frame& f) { kernels::to_bf16(f.as<float>(from), f.as<BFloat16>(to), count); });
}

void emit_widening(Builder& b, const ir::Node& node, ir::ValueId from_value, ir::ValueId to_value) {
  const int from = b.permuted(from_value), to = make_in_order(b, to_value, from);
  const std::int64_t count = ir::element_count(b.shape(from_value));
  b.step(node, "inc:to_fp32", {from}, {to},
         [=](Frame& f) { kernels::to_fp32(f.as<BFloat16>(from), f.as<float>(to), count); });
}

bool emit_bf16_cast(Builder& b, const ir::Node& node) {
  const ir::ValueId from = node.inputs[0], to = node.outputs[0];
  const DType from_type = b.dtype(from), to_type = b.dtype(to);
  if (from_type == DType::Float && to_type == DType::BFloat16) return emit_narrowing(b, node, from, to), true;
  if (from_type == DType::BFloat16 && to_type == DType::Float) return emit_widening(b, node, from, to), true;
  return false;
}

ir::ValueId Builder::widened(ir::ValueId value) {
  if (value.none() || dtype(value) != DType::BFloat16) return value;
  if (const auto it = wide_.find(value); it != wide_.end()) return it->second;
  const ir::Tensor* tensor = known(value);
  ir::ValueId twin;
  if (tensor != nullptr) {
    ir::Tensor real(DType::Float, tensor->shape());
    kernels::to_fp32(tensor->data<BFloat16>(), real.mutable_data<float>(), tensor->count());
    twin = add_known(std::move(real));
  } else {
    twin = add_value(DType::Float, shape(value));
    narrow_.emplace(twin, value);
  }
  wide_.emplace(value, twin);
  return twin;
}

ir::ValueId Builder::unrounded(ir::ValueId value) {
  if (value.none() || dtype(value) != DType::BFloat16) return value;
  const ir::ValueId twin = add_value(DType::Float, shape(value));
  wide_[value] = twin;
  narrow_[twin] = value;
  return twin;
}

void Builder::discard_unrounded(ir::ValueId value) {
  const auto it = wide_.find(value);
  if (it == wide_.end()) return;
  narrow_.erase(it->second);
  wide_.erase(it);
}

void Builder::round(const ir::Node& node, ir::ValueId value) {
  const ir::ValueId twin = wide_.at(value);
  if (keeps_bf16(node) && !has_bf16()) return;
  if (has_bf16()) {
    emit_narrowing(*this, node, twin, value);
    return discard_unrounded(value);
  }
  const int from = any(twin);
  const auto count = static_cast<std::int64_t>(slot(from).bytes / sizeof(float));
  INC_CHECK(slot(from).kind == Slot::Kind::Arena, "what is rounded has storage of its own");
  step(node, "inc:round_bf16", {from}, {from},
       [=](Frame& f) { kernels::round_to_bf16(f.as<float>(from), f.as<float>(from), count); });
}

void Builder::emit_bf16_cast_in_fp32(const ir::Node& node) {
  const ir::ValueId from = node.inputs[0], to = node.outputs[0];
  if (dtype(to) == DType::Float) {
    const int held = any(widened(from));
    return bind(to, view(held, DType::Float, shape(to), slot(held).desc));
  }
  const ir::ValueId twin = unrounded(to);
  const int source = permuted(from);
  const bool free = exclusive(from, node) && any(from) == source;
  const int target = free ? view(source, DType::Float, shape(to), slot(source).desc) : make_in_order(*this, twin, source);
  if (free) bind(twin, target);
  const std::int64_t count = ir::element_count(shape(to));
  step(node, "inc:round_bf16", {source}, {target},
       [=](Frame& f) { kernels::round_to_bf16(f.as<float>(source), f.as<float>(target), count); });
}

bool Builder::emit_in_fp32(const ir::Node& node) {
  ir::Node real = node;
  for (ir::ValueId& v : real.inputs) v = widened(v);
  if (real.inputs == node.inputs) return false;
  for (ir::ValueId& v : real.outputs) v = unrounded(v);
  if (!emit_natively(real)) {
    for (const ir::ValueId v : node.outputs) discard_unrounded(v);
    return false;
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (real.outputs[i] != node.outputs[i]) round(node, node.outputs[i]);
  return true;
}

void Builder::emit_bf16(const ir::Node& node) {
  const std::size_t first = plan_.steps.size();
  const auto other = [&](ir::ValueId v) { return dtype(v) == DType::Float || dtype(v) == DType::BFloat16; };
  const bool simple_cast = node.op == "Cast" && other(node.inputs[0]) && other(node.outputs[0]) &&
                           dtype(node.inputs[0]) != dtype(node.outputs[0]);
  bool emulated = false;
  if (simple_cast && !has_bf16()) {
    emit_bf16_cast_in_fp32(node);
  } else if (node.op == "DequantizeLinear" || (has_bf16() && emit_natively(node))) {
    emulated = false;
  } else if (emit_in_fp32(node)) {
    emulated = !keeps_bf16(node);
  } else {
    emit_generic(*this, node);
  }
  for (std::size_t i = first; i < plan_.steps.size(); ++i) {
    runtime::StepProfile& profile = plan_.steps[i].profile;
    profile.precision = "bf16";
    profile.emulated = emulated;
    profile.note = emulated ? why_not_native() : "";
  }
}

void Builder::touch_bf16(ir::ValueId value) {
  if (const auto it = narrow_.find(value); it != narrow_.end())
    emit_widening(*this, cast_node(graph(), it->second), it->second, value);
  else if (const auto wide = wide_.find(value); wide != wide_.end())
    emit_narrowing(*this, cast_node(graph(), value), wide->second, value);
}

}  // namespace inc::onednn
