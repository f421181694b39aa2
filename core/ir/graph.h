#pragma once
// The graph: nodes (operations) and values (edges), identified by integers; names are for people.
// A value type. Constant data is shared, so copies are cheap. After construction a graph changes only through
// apply(Patch). Ids are never reused: an id taken from a graph stays valid, or dead, in every graph patched from it.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/ir/attr.h"
#include "core/ir/tensor.h"
#include "core/ir/type.h"

namespace inc::ir {

struct NodeId {
  std::uint32_t v = 0xffffffffu;
  auto operator<=>(const NodeId&) const = default;
};
struct ValueId {
  std::uint32_t v = 0xffffffffu;
  bool none() const noexcept { return v == 0xffffffffu; }  ///< an optional input that is left out
  auto operator<=>(const ValueId&) const = default;
};

/// What to add. `op` is the ONNX operator type ("Conv"), prefixed by its domain when that is not ai.onnx
/// ("com.microsoft.Gelu"); operators that exist only inside the house are "inc.Conv" and so on.
struct NodeSpec {
  std::string op;
  std::vector<ValueId> inputs;  ///< optional inputs left out are ValueId{}
  Attrs attrs;
  std::string name;                      ///< may be empty
  std::vector<TensorType> output_types;  ///< one per output
  std::vector<std::string> output_names; ///< may be empty: derived from the node's name; made unique either way
};

struct Node {
  NodeId id;
  std::string name;
  std::string op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  Attrs attrs;
  /// inputs[index], or the missing id when the node has fewer inputs.
  ValueId input(std::size_t index) const noexcept { return index < inputs.size() ? inputs[index] : ValueId{}; }
};

struct Value {
  ValueId id;
  std::string name;
  TensorType type;
  std::optional<Tensor> constant;
  std::optional<NodeId> producer;  ///< absent for graph inputs and constants
  std::vector<NodeId> consumers;   ///< each consumer once per use
};

class Patch;

class Graph {
 public:
  ValueId add_input(std::string name, TensorType type);
  ValueId add_constant(std::string name, Tensor tensor);
  /// The outputs of the new node. Throws ModelError on an unknown input.
  std::vector<ValueId> add_node(NodeSpec spec);
  void add_output(ValueId value);

  const Node& node(NodeId id) const;
  const Value& value(ValueId id) const;
  bool alive(NodeId id) const noexcept;
  bool alive(ValueId id) const noexcept;
  const std::vector<ValueId>& inputs() const noexcept { return inputs_; }
  const std::vector<ValueId>& outputs() const noexcept { return outputs_; }
  /// Names the graph promises to its users; outputs keep their name whatever value they are rewired to.
  const std::vector<std::string>& output_names() const noexcept { return output_names_; }

  /// Live nodes, producers before consumers, otherwise in order of creation. Throws ModelError on a cycle.
  std::vector<NodeId> topological_order() const;
  std::vector<NodeId> nodes() const;    ///< live nodes in order of creation
  std::vector<ValueId> values() const;  ///< live values in order of creation
  /// The node that makes the value, or nullptr for inputs and constants.
  const Node* producer(ValueId id) const;
  const Tensor* constant(ValueId id) const;  ///< nullptr when the value is not constant, or `id` is none
  bool is_output(ValueId id) const noexcept;
  std::optional<ValueId> find_value(std::string_view name) const;

  /// All or nothing. Throws ModelError (graph unchanged) when a replaced value and its replacement have incompatible
  /// types or when the result would not verify.
  void apply(const Patch& patch);
  /// Links, types of outputs, uniqueness of names, acyclicity. Throws InternalError naming what is broken.
  void verify() const;

  std::string name;         ///< of the model
  std::int64_t opset = 0;   ///< of the ai.onnx domain the model was imported at (after conversion)

 private:
  friend class Patch;
  class Undo;
  class Change;
  std::string unique_name(const std::string& wanted) const;
  void link(const Node& node);
  void check_acyclic() const;

  std::vector<std::optional<Node>> nodes_;
  std::vector<std::optional<Value>> values_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<std::string> output_names_;
  std::map<std::string, ValueId, std::less<>> by_name_;
};

}  // namespace inc::ir
