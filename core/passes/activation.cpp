#include "core/passes/activation.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/ops/support.h"

namespace inc::passes {

ir::ValueId add_activation(ir::Patch& patch, const ops::Epilogue& epilogue, ir::ValueId x, const std::string& stem,
                           const ir::TensorType& type) {
  const std::string& a = epilogue.activation;
  const auto add = [&](const std::string& op, std::vector<ir::ValueId> inputs, const std::string& suffix,
                       ir::Attrs attrs = {}) {
    return patch.add_node({op, std::move(inputs), std::move(attrs), stem + "/" + suffix, {type}, {}})[0];
  };
  const auto constant = [&](const char* suffix, float value) {
    return patch.add_constant(stem + "_" + suffix, ops::cast(ir::Tensor::scalar(value), type.dtype));
  };
  if (a == "none") return x;
  if (a == "relu") return add("Relu", {x}, a);
  if (a == "clip") return add("Clip", {x, constant("low", epilogue.alpha), constant("high", epilogue.beta)}, a);
  if (a == "sigmoid") return add("Sigmoid", {x}, a);
  if (a == "tanh") return add("Tanh", {x}, a);
  if (a == "gelu") return add("Gelu", {x}, a);
  if (a == "gelu_tanh") return add("Gelu", {x}, a, {{"approximate", std::string("tanh")}});
  if (a == "silu") return add("Mul", {x, add("Sigmoid", {x}, "sigmoid")}, a);
  if (a == "hardswish") return add("HardSwish", {x}, a);
  if (a == "hardsigmoid") return add("HardSigmoid", {x}, a, {{"alpha", epilogue.alpha}, {"beta", epilogue.beta}});
  if (a == "leaky_relu") return add("LeakyRelu", {x}, a, {{"alpha", epilogue.alpha}});
  throw InternalError(fmt::format("activation '{}' has no standard form", a));
}

}  // namespace inc::passes
