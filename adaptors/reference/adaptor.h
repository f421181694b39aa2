#pragma once
// The oracle: every node by the exact scalar definition of its operator, QuantizeLinear and DequantizeLinear literally.
#include <memory>

#include "core/runtime/adaptor.h"

namespace inc::reference {

std::unique_ptr<const runtime::Adaptor> make_adaptor();

}  // namespace inc::reference
