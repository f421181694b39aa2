#pragma once
// The archive of ONNX backend node tests; generate.py documents its format.
#include <filesystem>
#include <string>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::node_tests {

struct Value {
  ir::Tensor tensor;     ///< undefined: left out, or not a tensor we know
  std::string not_ours;  ///< what it is when it is not a tensor we know: "element type string", "sequence or optional"
};

struct DataSet {
  std::vector<Value> inputs, outputs;
};

struct Case {
  std::string name;
  double rtol = 1e-3, atol = 1e-7;
  std::string model;  ///< bytes of a ModelProto
  std::vector<DataSet> sets;
};

/// Throws DataError when the file is not such an archive.
std::vector<Case> read_archive(const std::filesystem::path& path);

}  // namespace inc::node_tests
