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
  /// A more precise type for a value; it must be compatible with the old one.
  Patch& retype(ValueId value, TensorType type);
  /// The node must be unused when the patch has been applied.
  Patch& erase(NodeId node);

  const std::string& why() const noexcept { return why_; }
  bool empty() const noexcept {
    return additions_.empty() && replacements_.empty() && inputs_.empty() && retyped_.empty() && erased_.empty();
  }

 private:
  friend class Graph;
  struct Addition {
    std::vector<ValueId> outputs;
    NodeSpec node;        // for a constant: op is empty
    std::string constant_name;
    Tensor constant;
  };
  struct InputChange {
    NodeId user;
    std::size_t index;
    ValueId value;
  };
  std::uint32_t first_value_, next_value_;
  std::string why_;
  std::vector<Addition> additions_;
  std::vector<std::pair<ValueId, ValueId>> replacements_;
  std::vector<InputChange> inputs_;
  std::vector<std::pair<ValueId, TensorType>> retyped_;
  std::vector<NodeId> erased_;
};

}  // namespace inc::ir
