#pragma once
// Subgraphs whose part in a run does not depend on the data become part of the graph.
#include <onnx/onnx_pb.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/ir/tensor.h"

namespace inc::onnx_io {

/// Replaces each If whose condition follows from constants and known dimensions by the branch that is taken, and each Loop
/// and Scan whose number of steps follows so, at most 64, by its steps one after the other, while they add no more than 8192
/// nodes; subgraphs within subgraphs too. Others stay. The model has been normalized. Whether something was replaced.
bool inline_subgraphs(onnx::ModelProto& model);

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using Renames = std::unordered_map<std::string, std::string>;

const onnx::AttributeProto* attribute_of(const onnx::NodeProto& node, std::string_view name);

/// What small tensors of a graph are, as far as constants and known dimensions say. The graph outlives it.
class Oracle {
 public:
  Oracle(const onnx::GraphProto& graph, std::int64_t opset);
  std::optional<bool> truth(const std::string& name);
  std::optional<std::int64_t> integer(const std::string& name);
  /// The size of an axis (negative: from the end).
  std::optional<std::int64_t> size(const std::string& name, std::int64_t axis) const;

 private:
  using Known = std::optional<ir::Tensor>;
  Known known(const std::string& name, int depth);
  Known result(const onnx::NodeProto& node, int depth);
  Known dimension(const onnx::NodeProto& node, int depth);

  std::int64_t opset_;
  std::unordered_map<std::string, const onnx::TensorProto*> constants_;
  std::unordered_map<std::string, const onnx::NodeProto*> producers_;
  std::unordered_map<std::string, std::vector<std::int64_t>> shapes_;  // -1: unknown
  std::unordered_map<std::string, Known> values_;
};

/// Writes the nodes of subgraphs among those of the graph, under names that nobody has.
class Splicer {
 public:
  explicit Splicer(onnx::GraphProto& graph);
  /// Initializers of the subgraph become initializers of the graph; their new names.
  Renames hoist(const onnx::GraphProto& body);
  /// `renames`: what the subgraph's inputs and initializers are called here. Returns what its outputs are called.
  std::vector<std::string> splice(const onnx::GraphProto& body, Renames renames, const std::string& suffix, Nodes& out);
  /// A name like that.
  std::string fresh(std::string name);

 private:
  onnx::GraphProto& graph_;
  std::unordered_set<std::string> taken_;
};

/// y = op(x…); the node, for attributes.
onnx::NodeProto& add_node(Nodes& out, const std::string& op, const std::vector<std::string>& inputs, const std::string& y);

/// One pass over the graph; whether something was replaced. `budget`: nodes that may still be added.
bool inline_choices(onnx::ModelProto& model);
bool unroll_loops(onnx::ModelProto& model, std::int64_t& budget);

}  // namespace inc::onnx_io
