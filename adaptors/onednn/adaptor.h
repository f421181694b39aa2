#pragma once
// The oneDNN engine behind the execution interface.
#include <memory>

#include "core/runtime/adaptor.h"

namespace inc::onednn {

/// Applies the ISA cap of the environment (isa.h) first. Throws ConfigError when that names no known ISA.
/// Packed weights are shared by everything one adaptor prepares.
std::unique_ptr<const runtime::Adaptor> make_adaptor();

}  // namespace inc::onednn
