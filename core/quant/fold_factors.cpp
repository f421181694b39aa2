#include "core/quant/fold_factors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/ir/patch.h"
#include "core/ops/ops.h"

namespace inc::quant {
namespace {

constexpr std::size_t kWeight = 1, kBias = 2, kDequantizeScale = 1;

const ir::Tensor* float_constant(const ir::Graph& graph, ir::ValueId id) {
  const ir::Tensor* t = graph.constant(id);
  return t != nullptr && t->dtype() == DType::Float ? t : nullptr;
}

/// Whether the parameter varies along `axis` and can be multiplied along it.
Support takes(const ir::Graph& graph, ir::ValueId id, int axis, std::int64_t channels) {
  if (id.none() || float_constant(graph, id) != nullptr) return Support::yes();
  const ir::Node* node = graph.producer(id);
  if (node == nullptr || node->op != "DequantizeLinear" || graph.constant(node->input(0)) == nullptr)
    return Support::no(fmt::format("'{}' is not constant", graph.value(id).name));
  const ir::Tensor* scale = float_constant(graph, node->input(kDequantizeScale));
  const auto own = static_cast<int>(node->attrs.integer("axis", 1));
  if (scale == nullptr || scale->shape() != ir::Shape{channels} || node->attrs.integer("block_size", 0) != 0 ||
      (own < 0 ? own + graph.constant(node->input(0))->rank() : own) != axis)
    return Support::no(fmt::format("'{}' has not one scale per output channel", graph.value(id).name));
  return Support::yes();
}

/// The axis of an anchor's weight that is its output channels.
int output_axis(const ir::Graph& graph, const ir::Node& anchor) {
  const int rank = graph.value(anchor.input(kWeight)).type.rank();
  if (ops::reported_type(anchor) == "Conv") return 0;
  return anchor.attrs.integer("transB", 0) != 0 ? rank - 2 : rank - 1;
}

Support anchor_takes(const ir::Graph& graph, const ir::Node& anchor, const ir::Shape& broadcast, std::int64_t channels) {
  const ops::Epilogue e = ops::epilogue(anchor);
  if (e.activation != "none" && e.activation != "relu" && e.activation != "leaky_relu")
    return Support::no(fmt::format("'{}' ends in {}", anchor.name, e.activation));
  if (!e.residual.none()) return Support::no(fmt::format("'{}' adds a residual", anchor.name));
  const auto weight = graph.value(anchor.input(kWeight)).type.concrete();
  if (!weight || weight->size() < 2) return Support::no(fmt::format("the weight of '{}' is not known", anchor.name));
  const bool conv = ops::reported_type(anchor) == "Conv";
  if (broadcast.size() != (conv ? weight->size() : 1))
    return Support::no(fmt::format("'{}' has its channels on another axis", anchor.name));
  const int axis = output_axis(graph, anchor);
  if ((*weight)[static_cast<std::size_t>(axis)] != channels)
    return Support::no(fmt::format("'{}' has another number of channels", anchor.name));
  if (Support s = takes(graph, anchor.input(kWeight), axis, channels); !s) return s;
  const ir::ValueId bias = anchor.input(kBias);
  return takes(graph, bias, bias.none() ? 0 : graph.value(bias).type.rank() - 1, channels);
}

Support normalization_takes(const ir::Graph& graph, const ir::Node& node, const ir::Shape& broadcast,
                            std::int64_t channels) {
  const std::int64_t axis = node.attrs.integer("axis", -1);
  const auto& dims = graph.value(node.input(0)).type.dims;
  if (axis != -1 && (!dims || axis + 1 != static_cast<std::int64_t>(dims->size())))
    return Support::no(fmt::format("'{}' normalizes more than the last axis", node.name));
  if (broadcast.size() != 1) return Support::no(fmt::format("'{}' has its channels on another axis", node.name));
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i].none()) continue;
    const ir::Tensor* t = float_constant(graph, node.inputs[i]);
    if (t == nullptr || t->count() != channels || t->shape().back() != channels)
      return Support::no(fmt::format("'{}' has not one constant parameter per channel", node.name));
  }
  return Support::yes();
}

bool is_normalization(const ir::Node& node) {
  return node.op == "LayerNormalization" || node.op == "RMSNormalization";
}

/// A copy with every index of `axis` multiplied by its factor; one number along it becomes one per factor.
ir::Tensor multiplied(const ir::Tensor& t, std::size_t axis, const ir::Tensor& factor) {
  ir::Shape shape = t.rank() == 0 ? ir::Shape{1} : t.shape();
  const std::int64_t extent = shape.at(axis), channels = factor.count();
  shape[axis] = channels;
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  ir::Tensor out(DType::Float, shape);
  const ir::Tensor held = t.at_hand();
  const float *from = held.data<float>(), *f = factor.data<float>();
  float* to = out.mutable_data<float>();
  for (std::int64_t i = 0; i < out.count(); ++i) {
    const std::int64_t c = i / inner % channels, before = i / inner / channels;
    to[i] = from[(before * extent + (extent == 1 ? 0 : c)) * inner + i % inner] * f[c];
  }
  return out;
}

class Folder {
 public:
  explicit Folder(const ir::Graph& graph) : graph_(graph), patch_(graph, "fold channel factors") {}

  void fold(ir::ValueId product) {
    const ir::Node& mul = *graph_.producer(product);
    const ir::Tensor& factor = *graph_.constant(mul.input(1));
    if (!takes_factors(graph_, mul.input(0), 1, factor.shape())) return;
    const ir::Node& node = *graph_.producer(mul.input(0));
    if (is_normalization(node)) {
      for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (!node.inputs[i].none()) multiply(node, i, 0, factor);
    } else {
      multiply(node, kWeight, static_cast<std::size_t>(output_axis(graph_, node)), factor);
      if (const ir::ValueId bias = node.input(kBias); !bias.none())
        multiply(node, kBias, static_cast<std::size_t>(std::max(graph_.value(bias).type.rank() - 1, 0)), factor);
    }
    patch_.replace(product, mul.input(0));
  }

  ir::Patch take() && { return std::move(patch_); }

 private:
  void multiply(const ir::Node& user, std::size_t index, std::size_t axis, const ir::Tensor& factor) {
    const ir::Value& value = graph_.value(user.inputs[index]);
    if (value.constant) {
      const ir::ValueId scaled = patch_.add_constant(value.name, multiplied(*value.constant, axis, factor));
      patch_.replace_input(user.id, index, {}).replace_input(user.id, index, scaled);
      return;
    }
    const ir::Node& old = *graph_.producer(value.id);
    const ir::Value& scale = graph_.value(old.inputs[kDequantizeScale]);
    ir::NodeSpec spec{old.op, old.inputs, old.attrs, old.name, {value.type}, {value.name}};
    spec.inputs[kDequantizeScale] = patch_.add_constant(scale.name, multiplied(*scale.constant, 0, factor));
    patch_.replace_input(user.id, index, patch_.add_node(std::move(spec))[0]);
  }

  const ir::Graph& graph_;
  ir::Patch patch_;
};

}  // namespace

Support takes_factors(const ir::Graph& graph, ir::ValueId value, std::size_t readers, const ir::Shape& broadcast) {
  const ir::Node* node = graph.producer(value);
  if (node == nullptr) return Support::no("it is an input of the graph");
  if (graph.is_output(value) || graph.value(value).consumers.size() != readers)
    return Support::no(fmt::format("the result of '{}' has other users", node->name));
  const std::int64_t channels = ir::element_count(broadcast);
  const ops::OpInfo* info = ops::find(node->op);
  if (info != nullptr && info->quant == ops::QuantRole::Anchor) return anchor_takes(graph, *node, broadcast, channels);
  if (is_normalization(*node) && node->outputs[0] == value) return normalization_takes(graph, *node, broadcast, channels);
  return Support::no(fmt::format("'{}' ({}) has no place for it", node->name, node->op));
}

void fold_factors(ir::Graph& graph, const std::vector<ir::ValueId>& products) {
  Folder folder(graph);
  for (const ir::ValueId product : products) folder.fold(product);
  if (const ir::Patch patch = std::move(folder).take(); !patch.empty()) graph.apply(patch);
}

}  // namespace inc::quant
