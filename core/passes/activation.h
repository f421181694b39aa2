#pragma once
// The activation of a group as standard operators.
#include <string>

#include "core/ir/patch.h"
#include "core/ops/ops.h"

namespace inc::passes {

/// activation(x), added to the patch with outputs of `type`; x itself where the activation is "none". Node names begin with
/// `stem`. Throws InternalError for an activation without a standard form.
ir::ValueId add_activation(ir::Patch& patch, const ops::Epilogue& epilogue, ir::ValueId x, const std::string& stem,
                           const ir::TensorType& type);

}  // namespace inc::passes
