#include <algorithm>

#include "adaptors/onednn/emitters.h"
#include "core/ops/ops.h"

namespace inc::onednn {

void emit_generic(Builder& b, const ir::Node& node) {
  std::vector<int> inputs, outputs, reads, writes;
  for (const ir::ValueId v : node.inputs) {
    inputs.push_back(v.none() ? -1 : b.plain(v));
    if (!v.none()) reads.push_back(inputs.back());
  }
  for (const ir::ValueId v : node.outputs) {
    outputs.push_back(v.none() ? -1 : b.make(v));
    if (!v.none()) writes.push_back(outputs.back());
  }
  const std::int64_t opset = b.graph().opset;
  b.step(node, "inc:" + node.op + ":scalar", reads, writes, [=](Frame& frame) {
    std::vector<ir::Tensor> arguments;
    for (const int slot : inputs) arguments.push_back(slot < 0 ? ir::Tensor() : frame.borrow(slot));
    const std::vector<ir::Tensor> results = ops::evaluate(node, arguments, opset);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] >= 0) std::copy(results[i].raw(), results[i].raw() + results[i].bytes(), frame.at(outputs[i]));
  });
}

}  // namespace inc::onednn
