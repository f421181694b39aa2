#include "core/ir/patch.h"

namespace inc::ir {

Patch::Patch(const Graph& base, std::string why)
    : first_value_(static_cast<std::uint32_t>(base.values_.size())), next_value_(first_value_), why_(std::move(why)) {}

std::vector<ValueId> Patch::add_node(NodeSpec spec) {
  std::vector<ValueId> outputs;
  for (std::size_t i = 0; i < spec.output_types.size(); ++i) outputs.push_back(ValueId{next_value_++});
  additions_.push_back({outputs, std::move(spec), {}, {}});
  return outputs;
}

ValueId Patch::add_constant(std::string name, Tensor tensor) {
  const ValueId id{next_value_++};
  additions_.push_back({{id}, {}, std::move(name), std::move(tensor)});
  return id;
}

Patch& Patch::replace(ValueId old_value, ValueId new_value) {
  replacements_.emplace_back(old_value, new_value);
  return *this;
}

Patch& Patch::replace_input(NodeId user, std::size_t index, ValueId new_value) {
  inputs_.push_back({user, index, new_value});
  return *this;
}

Patch& Patch::become(NodeId node, std::string op, std::size_t inputs) {
  reformed_.push_back({node, std::move(op), inputs});
  return *this;
}

Patch& Patch::cast_input(NodeId user, std::size_t index, ValueId new_value) {
  casts_.push_back({user, index, new_value});
  return *this;
}

Patch& Patch::convert(ValueId value, DType dtype) {
  converted_.emplace_back(value, dtype);
  return *this;
}

Patch& Patch::retype(ValueId value, TensorType type) {
  retyped_.emplace_back(value, std::move(type));
  return *this;
}

Patch& Patch::erase(NodeId node) {
  erased_.push_back(node);
  return *this;
}

}  // namespace inc::ir
