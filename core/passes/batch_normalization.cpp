#include "core/passes/batch_normalization.h"

#include <cmath>

namespace inc::passes {

Support constant_normalization(const ir::Graph& graph, const ir::Node& node) {
  if (node.attrs.integer("training_mode", 0) != 0) return Support::no("the BatchNormalization is in training mode");
  for (std::size_t i = 1; i < 5; ++i) {
    const ir::Tensor* tensor = graph.constant(node.input(i));
    if (!tensor || tensor->dtype() != DType::Float)
      return Support::no("'" + graph.value(node.input(i)).name + "' of the BatchNormalization is not a float32 constant");
  }
  return Support::yes();
}

ChannelAffine channel_affine(const ir::Graph& graph, const ir::Node& node) {
  const auto gamma = graph.constant(node.inputs[1])->values<float>(), beta = graph.constant(node.inputs[2])->values<float>();
  const auto mean = graph.constant(node.inputs[3])->values<float>(),
             variance = graph.constant(node.inputs[4])->values<float>();
  const double epsilon = node.attrs.real("epsilon", 1e-5f);
  ChannelAffine result;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
    result.scale.push_back(static_cast<float>(scale));
    result.shift.push_back(static_cast<float>(beta[c] - mean[c] * scale));
  }
  return result;
}

}  // namespace inc::passes
