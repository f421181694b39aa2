#pragma once
// Concrete shapes of every value for concrete input shapes, and the values that follow from shapes alone.
#include <map>
#include <span>
#include <string>

#include "adaptors/onednn/prepared.h"

namespace inc::onednn {

struct Shapes {
  struct Entry {
    DType dtype = DType::Float;
    ir::Shape shape;
  };
  std::map<ir::ValueId, Entry> entries;
  std::map<ir::ValueId, ir::Tensor> folded;  ///< integer shape arithmetic, carried out
  std::string data_dependent;                ///< not empty: why shapes cannot be known before the data
};

Shapes propagate(const Prepared& prepared, std::span<const ir::Shape> inputs);

}  // namespace inc::onednn
