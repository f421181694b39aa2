#pragma once
// The constants of a model, kept out of the ONNX library's hands: while it works, small ones are lent to it as
// initializers (it reads shapes and axes from them) and large ones stand among the graph inputs, by type alone.
#include <onnx/onnx_pb.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "core/ir/attr.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {

struct Constants {
  std::vector<std::string> order;
  std::unordered_map<std::string, ir::Tensor> tensors;
  /// Throws ModelError when the name is taken.
  void add(const std::string& name, ir::Tensor tensor);
};

/// Moves initializers and Constant nodes out of the graph; initializers listed as inputs are inputs no more.
void take_constants(onnx::GraphProto& graph, Constants& constants, ExternalData& external);
void lend_constants(onnx::GraphProto& graph, const Constants& constants);
void reclaim_constants(onnx::GraphProto& graph, const Constants& constants);

/// The attribute as a value. Throws UnsupportedError for graphs, types and sparse tensors.
ir::Attr attribute_of(onnx::AttributeProto& proto, ExternalData& external, const std::string& where);

}  // namespace inc::onnx_io
