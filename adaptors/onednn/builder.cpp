#include "adaptors/onednn/builder.h"

#include <algorithm>
#include <limits>

#include "adaptors/onednn/bf16.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/walk.h"
#include "core/base/error.h"
#include "core/ops/macs.h"
#include "core/ops/ops.h"
#include "kernels/move/move.h"

namespace inc::onednn {

Builder::Builder(const Prepared& prepared, const Shapes& shapes, const std::set<ir::ValueId>& wanted,
                 const std::set<ir::ValueId>& replaceable, PackedWeights& weights)
    : prepared_(prepared), shapes_(shapes), wanted_(wanted), replaceable_(replaceable), weights_(weights) {
  for (const ir::NodeId id : prepared.order()) position_.emplace(id, position_.size());
}

const ir::Shape& Builder::shape(ir::ValueId value) const {
  if (const auto it = extra_.find(value); it != extra_.end()) return it->second.shape;
  if (const ir::Tensor* constant = graph().alive(value) ? graph().constant(value) : nullptr) return constant->shape();
  return shapes_.entries.at(value).shape;
}

DType Builder::dtype(ir::ValueId value) const {
  if (const auto it = extra_.find(value); it != extra_.end()) return it->second.dtype;
  if (const ir::Tensor* constant = graph().constant(value)) return constant->dtype();
  return shapes_.entries.at(value).dtype;
}

const ir::Tensor* Builder::known(ir::ValueId value) const {
  if (value.none()) return nullptr;
  if (const auto it = extra_known_.find(value); it != extra_known_.end()) return &it->second;
  if (const ir::Tensor* constant = prepared_.constant(value)) return constant;
  const auto it = shapes_.folded.find(value);
  return it != shapes_.folded.end() ? &it->second : nullptr;
}

bool Builder::is_known(ir::ValueId value) const {
  return extra_known_.contains(value) || prepared_.is_constant(value) || shapes_.folded.contains(value);
}

bool Builder::observed(ir::ValueId value) const {
  return wanted_.contains(value) || replaceable_.contains(value) || (graph().alive(value) && graph().is_output(value));
}

std::size_t Builder::last_use(ir::ValueId value) const {
  constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  if (const auto it = narrow_.find(value); it != narrow_.end()) value = it->second;
  if (!graph().alive(value) || observed(value) || is_known(value)) return kNever;
  const ir::Value& v = graph().value(value);
  if (!v.producer) return kNever;
  std::size_t last = 0;
  for (const ir::NodeId id : v.consumers) {
    const ir::Node& user = graph().node(id);
    last = std::max(last, user.op == "DequantizeLinear" ? last_use(user.outputs[0]) : position_.at(id));
  }
  return last;
}

bool Builder::exclusive(ir::ValueId value, const ir::Node& node) {
  const std::size_t here = position_.at(node.id);
  if (!replaceable_.empty()) return false;
  if (last_use(value) > here) return false;
  const int root = slot(any(value)).root;
  if (slot(root).kind != Slot::Kind::Arena) return false;
  return std::all_of(homes_.begin(), homes_.end(), [&](const auto& entry) {
    const auto& [other, homes] = entry;
    const bool shares = std::any_of(homes.begin(), homes.end(), [&](int home) { return slot(home).root == root; });
    return other == value || !shares || last_use(other) < here;
  });
}

ir::ValueId Builder::add_known(ir::Tensor tensor) {
  const ir::ValueId id = add_value(tensor.dtype(), tensor.shape());
  extra_known_.emplace(id, std::move(tensor));
  return id;
}

ir::ValueId Builder::repeated(ir::ValueId value, const ir::Shape& shape) {
  const auto [it, fresh] = repeated_.try_emplace({value, shape});
  if (!fresh) return it->second;
  const ir::Tensor& tensor = *known(value);
  const ir::Shape own = row_major_strides(tensor.shape());
  ir::Shape strides(shape.size(), 0);
  for (std::size_t i = 0; i < own.size(); ++i)
    if (tensor.shape()[i] != 1) strides[shape.size() - own.size() + i] = own[i];
  ir::Tensor full(tensor.dtype(), shape);
  kernels::copy_strided(tensor.raw(), strides, full.mutable_raw(), row_major_strides(shape), shape, size_of(tensor.dtype()));
  return it->second = add_known(std::move(full));
}

ir::ValueId Builder::add_value(DType dtype, ir::Shape shape) {
  const ir::ValueId id{next_extra_++};
  extra_[id] = {dtype, std::move(shape)};
  return id;
}

int Builder::add(Slot slot) {
  const int index = static_cast<int>(plan_.slots.size());
  if (slot.root < 0) slot.root = index;
  if (slot.desc.is_zero()) slot.desc = plain_desc(slot.dtype, slot.shape);
  const auto dense = static_cast<std::size_t>(ir::element_count(slot.shape)) * size_of(slot.dtype);
  slot.bytes = slot.desc.is_zero() ? std::max(slot.bytes, dense) : slot.desc.get_size();
  plan_.slots.push_back(std::move(slot));
  return index;
}

int Builder::make(ir::ValueId value, Desc desc) {
  const int index = scratch(dtype(value), shape(value), std::move(desc));
  bind(value, index);
  return index;
}

int Builder::scratch(DType dtype, ir::Shape shape, Desc desc) {
  Slot slot;
  slot.dtype = dtype;
  slot.shape = std::move(shape);
  slot.desc = std::move(desc);
  return add(std::move(slot));
}

int Builder::scratch_bytes(const Desc& desc) {
  return scratch(DType::UInt8, {static_cast<std::int64_t>(desc.get_size())}, desc);
}

int Builder::constant(ir::Tensor tensor) {
  Slot slot;
  slot.kind = Slot::Kind::Constant;
  slot.dtype = tensor.dtype();
  slot.shape = tensor.shape();
  slot.constant = tensor.raw();
  slot.keeper = std::make_shared<const ir::Tensor>(std::move(tensor));
  return add(std::move(slot));
}

int Builder::constant(std::shared_ptr<const dnnl::memory> memory) {
  Slot slot;
  slot.kind = Slot::Kind::Constant;
  slot.desc = memory->get_desc();
  slot.dtype = DType::UInt8;
  slot.shape = {static_cast<std::int64_t>(slot.desc.get_size())};
  slot.constant = static_cast<const std::byte*>(memory->get_data_handle());
  slot.keeper = std::move(memory);
  return add(std::move(slot));
}

int Builder::packed(ir::ValueId value, const Desc& from, const Desc& to) {
  const ir::Tensor& tensor = *known(value);
  if (from == to) return view(constant(tensor), tensor.dtype(), tensor.shape(), to);
  return constant(weights_.get(content(value), tensor, from, to));
}

int Builder::packed(ir::ValueId value, const std::string& layout, std::size_t bytes,
                    const std::function<void(std::byte*)>& pack) {
  auto memory = weights_.get(content(value), layout, bytes, pack);
  Slot slot;
  slot.kind = Slot::Kind::Constant;
  slot.dtype = DType::UInt8;
  slot.shape = {static_cast<std::int64_t>(bytes)};
  slot.constant = memory.get();
  slot.keeper = std::move(memory);
  return add(std::move(slot));
}

std::uint64_t Builder::content(ir::ValueId value) const {
  return prepared_.is_constant(value) ? prepared_.content(value) : known(value)->content_hash();
}

int Builder::view(int base, DType dtype, ir::Shape shape, Desc desc) {
  Slot alias;
  alias.kind = slot(base).kind;
  alias.root = slot(base).root;
  alias.shift = slot(base).shift;
  alias.dtype = dtype;
  alias.shape = std::move(shape);
  alias.desc = std::move(desc);
  return add(std::move(alias));
}

void Builder::bind(ir::ValueId value, int slot) {
  homes_[value].push_back(slot);
}

void Builder::reserve(ir::NodeId anchor, std::vector<ir::NodeId> parts, std::function<void(Builder&)> emit) {
  for (const ir::NodeId part : parts) {
    done_.insert(part);
    position_.at(part) = position_.at(anchor);
  }
  reserved_.emplace(anchor, Reserved{std::move(parts), std::move(emit)});
}

const ir::Node* Builder::pending_dequantize(ir::ValueId value) const {
  if (value.none() || homes_.contains(value) || !graph().alive(value) || is_known(value)) return nullptr;
  const ir::Node* producer = graph().producer(value);
  return producer != nullptr && producer->op == "DequantizeLinear" ? producer : nullptr;
}

void Builder::touch(ir::ValueId value) {
  if (homes_.contains(value)) return;
  if (const ir::Tensor* tensor = known(value)) {
    bind(value, constant(*tensor));
  } else if (const ir::Node* node = pending_dequantize(value)) {
    emit_dequantize(*this, *node);
  } else {
    touch_bf16(value);
  }
  INC_CHECK(homes_.contains(value), "value has been computed");
}

int Builder::any(ir::ValueId value) {
  touch(value);
  return homes_.at(value).front();
}

int Builder::plain(ir::ValueId value) {
  touch(value);
  for (const int home : homes_.at(value))
    if (slot(home).desc.is_zero() || slot(home).desc == plain_desc(slot(home).dtype, slot(home).shape)) return home;
  for (const int home : homes_.at(value)) {
    if (!is_plain(slot(home).desc)) continue;
    const int same = view(home, slot(home).dtype, slot(home).shape);
    bind(value, same);
    return same;
  }
  const int from = homes_.at(value).front();
  return reorder(value, from, plain_desc(slot(from).dtype, slot(from).shape));
}

int Builder::in(ir::ValueId value, const Desc& desc) {
  touch(value);
  for (const int home : homes_.at(value))
    if (slot(home).desc == desc) return home;
  return reorder(value, homes_.at(value).front(), desc);
}

int Builder::permuted(ir::ValueId value) {
  touch(value);
  for (const int home : homes_.at(value))
    if (slot(home).desc.is_zero() || is_permuted(slot(home).desc)) return home;
  return plain(value);
}

int Builder::reorder(ir::ValueId value, int from, const Desc& desc) {
  const int to = scratch(slot(from).dtype, slot(from).shape, desc);
  convert(value, from, to);
  bind(value, to);
  return to;
}

void Builder::convert(ir::ValueId value, int from, int to) {
  const Desc source = slot(from).desc, desc = slot(to).desc;
  INC_CHECK(!source.is_zero(), "layout of a type oneDNN knows");
  ir::Node named;
  named.name = graph().alive(value) ? graph().value(value).name : "";
  named.op = "Reorder";
  if (source.get_data_type() == desc.get_data_type() && is_permuted(source) && is_permuted(desc)) {
    const std::size_t size = dnnl::memory::data_type_size(source.get_data_type());
    const ir::Shape shape = slot(from).shape, read = strides_along(slot(from), shape),
                    write = strides_along(slot(to), shape);
    step(named, "inc:copy:sse2", {from}, {to},
         [=](Frame& f) { kernels::copy_strided(f.at(from), read, f.at(to), write, shape, size); });
    return;
  }
  const dnnl::reorder::primitive_desc pd(cpu(), source, cpu(), desc);
  primitive(named, pd, dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Step& Builder::step(const ir::Node& node, std::string kernel, std::vector<int> reads, std::vector<int> writes,
                    std::function<void(Frame&)> body) {
  Step made;
  made.profile.node = current_;
  made.profile.name = node.name;
  made.profile.op_type = ops::find(node.op) != nullptr ? ops::reported_type(node) : node.op;
  made.profile.precision = "fp32";
  made.profile.isa = kernel.ends_with(":scalar") ? "scalar" : isa_name();
  made.profile.kernel = std::move(kernel);
  made.reads = std::move(reads);
  made.writes = std::move(writes);
  made.body = std::move(body);
  plan_.steps.push_back(std::move(made));
  return plan_.steps.back();
}

Step& Builder::primitive(const ir::Node& node, const dnnl::primitive_desc_base& desc, const dnnl::primitive& primitive,
                         std::vector<std::pair<int, int>> args) {
  const std::string implementation = desc.impl_info_str();
  if (const Desc pad = desc.scratchpad_desc(); pad.get_size() > 0)
    args.emplace_back(DNNL_ARG_SCRATCHPAD, scratch_bytes(pad));
  Step& made = step(node, "onednn:" + implementation, {}, {}, nullptr);
  made.profile.isa = isa_of_implementation(implementation);
  for (const auto& [arg, slot] : args)
    (arg == DNNL_ARG_DST || arg == DNNL_ARG_SCRATCHPAD ? made.writes : made.reads).push_back(slot);
  made.primitive = primitive;
  made.args = std::move(args);
  return made;
}

void Builder::tap(ir::ValueId value) {
  if (!wanted_.contains(value) || !tapped_.insert(value).second) return;
  const int from = plain(value);
  ir::Node named;
  named.name = graph().value(value).name;
  named.op = "Tap";
  const DType type = slot(from).dtype;
  const ir::Shape shape = slot(from).shape;
  step(named, "inc:tap:scalar", {from}, {}, [=](Frame& frame) {
    ir::Tensor copy(type, shape);
    const std::byte* source = frame.at(from);
    std::copy(source, source + copy.bytes(), copy.mutable_raw());
    frame.tap()->on_value(value, copy);
  });
}

void Builder::make_replaceable(ir::ValueId value) {
  if (!replaceable_.contains(value) || is_known(value) || plan_.replaceable.contains(value)) return;
  int home = any(value);
  const bool shared = std::any_of(homes_.begin(), homes_.end(), [&](const auto& entry) {
    return entry.first != value && std::any_of(entry.second.begin(), entry.second.end(),
                                               [&](int other) { return slot(other).root == slot(home).root; });
  });
  if (slot(home).kind == Slot::Kind::Constant || slot(home).desc.is_zero()) return;
  if (shared || slot(home).kind != Slot::Kind::Arena || slot(home).root != home)
    home = reorder(value, home, slot(home).desc);
  homes_.at(value) = {home};
  Slot given;
  given.kind = Slot::Kind::Input;
  given.dtype = slot(home).dtype;
  given.shape = slot(home).shape;
  given.index = static_cast<int>(graph().inputs().size() + plan_.replaceable.size());
  const int index = given.index;
  convert(value, add(std::move(given)), home);
  plan_.replaceable.emplace(value, Replacement{plan_.steps.size() - 1, home, index});
}

void Builder::emit(const ir::Node& node) {
  if (done_.contains(node.id)) return;
  current_ = node.id;
  const bool known_already =
      std::all_of(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId v) { return v.none() || is_known(v); });
  if (known_already) return;
  bool empty = true, empty_input = false;
  for (const ir::ValueId v : node.outputs) empty = empty && (v.none() || ir::element_count(shape(v)) == 0);
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (!node.inputs[i].none() && (i == 0 || node.op == "Concat"))
      empty_input = empty_input || ir::element_count(shape(node.inputs[i])) == 0;
  if (empty) {
    for (const ir::ValueId v : node.outputs)
      if (!v.none()) bind(v, constant(ir::Tensor(dtype(v), shape(v))));
    return;
  }
  if (const auto it = reserved_.find(node.id); it != reserved_.end()) {
    absorbed_ = it->second.parts;
    return it->second.emit(*this);
  }
  if (empty_input) return emit_generic(*this, node);
  if (touches_bf16(*this, node)) return emit_bf16(node);
  if (!emit_natively(node)) emit_generic(*this, node);
}

void Builder::count_macs(const ir::Node& node, std::size_t first) {
  std::int64_t macs = 0;
  const auto add_up = [&](const ir::Node& part) {
    std::vector<ir::Shape> inputs, outputs;
    for (const ir::ValueId v : part.inputs) inputs.push_back(v.none() ? ir::Shape{} : shape(v));
    for (const ir::ValueId v : part.outputs) outputs.push_back(v.none() ? ir::Shape{} : shape(v));
    macs += ops::macs(part, inputs, outputs);
  };
  if (plan_.steps.size() > first) add_up(node);
  for (const ir::NodeId id : absorbed_) add_up(graph().node(id));
  absorbed_.clear();
  if (macs == 0) return;
  Step* worker = nullptr;
  for (std::size_t i = first; i < plan_.steps.size(); ++i) {
    Step& step = plan_.steps[i];
    if (step.profile.op_type != ops::reported_type(node)) continue;
    if (worker == nullptr || step.primitive || !worker->primitive) worker = &step;
  }
  if (worker != nullptr) worker->profile.macs = macs;
}

bool Builder::emit_natively(const ir::Node& node) {
  for (const auto emitter : {emit_in_8_bits, emit_quantization, emit_line, emit_linear, emit_pool, emit_elementwise,
                             emit_movement, emit_resize, emit_normalize, emit_instance_norm, emit_reduce})
    if (emitter(*this, node)) return true;
  return false;
}

void Builder::emit_outputs() {
  std::set<int> taken;
  for (std::size_t i = 0; i < graph().outputs().size(); ++i) {
    const ir::ValueId value = graph().outputs()[i];
    if (const auto producer = graph().value(value).producer) current_ = *producer;
    const int from = plain(value);
    Slot& made = plan_.slots[static_cast<std::size_t>(from)];
    if (made.kind == Slot::Kind::Arena && made.root == from && taken.insert(from).second) {
      for (Slot& alias : plan_.slots)
        if (alias.root == from) alias.kind = Slot::Kind::Output, alias.index = static_cast<int>(i);
      plan_.outputs.push_back(from);
      continue;
    }
    Slot copy;
    copy.kind = Slot::Kind::Output;
    copy.dtype = made.dtype;
    copy.shape = made.shape;
    copy.index = static_cast<int>(i);
    const int to = add(std::move(copy));
    const std::size_t bytes = static_cast<std::size_t>(ir::element_count(slot(to).shape)) * size_of(slot(to).dtype);
    ir::Node named;
    named.name = graph().output_names()[i];
    named.op = "Copy";
    step(named, "inc:copy:scalar", {from}, {to},
         [=](Frame& frame) { std::copy(frame.at(from), frame.at(from) + bytes, frame.at(to)); });
    plan_.outputs.push_back(to);
  }
}

Plan Builder::build() {
  for (std::size_t i = 0; i < graph().inputs().size(); ++i) {
    const ir::ValueId value = graph().inputs()[i];
    Slot slot;
    slot.kind = Slot::Kind::Input;
    slot.dtype = dtype(value);
    slot.shape = shape(value);
    slot.index = static_cast<int>(i);
    bind(value, add(std::move(slot)));
    tap(value);
  }
  reserve_attention(*this);
  reserve_stems(*this);
  for (const ir::NodeId id : prepared_.order()) {
    const ir::Node& node = graph().node(id);
    const std::size_t first = plan_.steps.size();
    with_context([&] { return "while compiling node '" + node.name + "' of type " + node.op; }, [&] { emit(node); });
    count_macs(node, first);
    for (const ir::ValueId output : node.outputs) {
      if (output.none()) continue;
      make_replaceable(output);
      tap(output);
    }
  }
  for (const ir::ValueId value : wanted_)
    if (graph().alive(value)) tap(value);
  emit_outputs();
  plan_.lay_out();
  return std::move(plan_);
}

}  // namespace inc::onednn
