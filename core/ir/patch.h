#pragma once
// A proposal to change a graph. Building it never touches the graph; Graph::apply carries it out or changes nothing.
#include <string>
#include <utility>
#include <vector>

#include "core/ir/graph.h"

namespace inc::ir {

class Patch {
 public:
  /// `why` is for logs: "fold batch normalization into convolution".
  Patch(const Graph& base, std::string why);

  /// Ids that will be the new node's outputs once the patch is applied; usable as inputs within this patch.
  std::vector<ValueId> add_node(NodeSpec spec);
  ValueId add_constant(std::string name, Tensor tensor);
  /// Every user of `old_value`, and every graph output bound to it, is rewired to `new_value`.
  /// A node whose outputs are all unused afterwards is removed, with whatever only it needed; a new value that
  /// replaces a removed one takes over its name.
  Patch& replace(ValueId old_value, ValueId new_value);
  /// Only `user`'s input at `index` is rewired.
  Patch& replace_input(NodeId user, std::size_t index, ValueId new_value);
  /// The node stays itself (id, name, outputs, attributes) under another operator of the same meaning, with at least
  /// `inputs` input slots; further ones are left out until replace_input fills them. For MatMul → inc.MatMul and for
  /// optional inputs.
  Patch& become(NodeId node, std::string op, std::size_t inputs);
  /// As replace_input, after all of them and after every replace; the new value may have another element type.
  Patch& cast_input(NodeId user, std::size_t index, ValueId new_value);
  /// The value, which a node makes, gets another element type once everything else has been done.
  Patch& convert(ValueId value, DType dtype);
  /// A more precise type for a value; it must be compatible with the old one.
  Patch& retype(ValueId value, TensorType type);
  /// The node must be unused when the patch has been applied.
  Patch& erase(NodeId node);

  const std::string& why() const noexcept { return why_; }
  bool empty() const noexcept {
    return additions_.empty() && replacements_.empty() && inputs_.empty() && reformed_.empty() && retyped_.empty() &&
           casts_.empty() && converted_.empty() && erased_.empty();
  }

 private:
  friend class Graph;
  struct Addition {
    std::vector<ValueId> outputs;
    NodeSpec node;  // for a constant: op is empty
    std::string constant_name;
    Tensor constant;
  };
  struct InputChange {
    NodeId user;
    std::size_t index;
    ValueId value;
  };
  struct Reform {
    NodeId node;
    std::string op;
    std::size_t inputs;
  };
  std::uint32_t first_value_, next_value_;
  std::string why_;
  std::vector<Addition> additions_;
  std::vector<std::pair<ValueId, ValueId>> replacements_;
  std::vector<InputChange> inputs_;
  std::vector<Reform> reformed_;
  std::vector<std::pair<ValueId, TensorType>> retyped_;
  std::vector<InputChange> casts_;
  std::vector<std::pair<ValueId, DType>> converted_;
  std::vector<NodeId> erased_;
};

}  // namespace inc::ir
