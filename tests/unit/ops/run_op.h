#pragma once
// One operator on concrete tensors.
#include <string>
#include <vector>

#include "core/ops/ops.h"

namespace inc::testing {

inline ir::Node op_node(std::string op, std::size_t inputs, ir::Attrs attrs = {}, std::size_t outputs = 1) {
  ir::Node node;
  node.name = "n";
  node.op = std::move(op);
  node.attrs = std::move(attrs);
  for (std::uint32_t i = 0; i < inputs; ++i) node.inputs.push_back(ir::ValueId{i});
  for (std::uint32_t i = 0; i < outputs; ++i) node.outputs.push_back(ir::ValueId{100 + i});
  return node;
}

inline std::vector<ir::Tensor> run_op(std::string op, const std::vector<ir::Tensor>& inputs, ir::Attrs attrs = {},
                                      std::size_t outputs = 1, std::int64_t opset = 21) {
  return ops::evaluate(op_node(std::move(op), inputs.size(), std::move(attrs), outputs), inputs, opset);
}

template <class T>
std::vector<T> list(const ir::Tensor& tensor) {
  const auto values = tensor.values<T>();
  return {values.begin(), values.end()};
}

}  // namespace inc::testing
