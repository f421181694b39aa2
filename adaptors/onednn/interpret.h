#pragma once
// Node by node, for graphs whose shapes depend on data.
#include <span>

#include "adaptors/onednn/prepared.h"
#include "core/runtime/adaptor.h"

namespace inc::onednn {

std::vector<ir::Tensor> interpret(const Prepared& prepared, std::span<const ir::Tensor> inputs, const runtime::TapSink& tap,
                                  std::vector<runtime::StepProfile>* profile = nullptr);

}  // namespace inc::onednn
