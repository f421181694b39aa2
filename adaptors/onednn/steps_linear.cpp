#include "adaptors/onednn/emitters.h"

namespace inc::onednn {

bool emit_linear(Builder& b, const ir::Node& node) {
  return emit_depthwise(b, node) || emit_stem(b, node) || emit_stem32(b, node) || emit_dense(b, node) ||
         emit_winograd(b, node) || emit_dense32(b, node) || emit_convolution(b, node) || emit_deconvolution(b, node) ||
         emit_matmul(b, node) || emit_recurrent(b, node);
}

}  // namespace inc::onednn
