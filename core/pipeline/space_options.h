#pragma once
// What the user allows, from INC's model_wise / optype_wise / op_wise vocabulary to schemes and rules.
#include "core/config/config.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

/// Throws ConfigError for a combination that cannot be quantized.
tuning::SpaceOptions space_options(const config::Quantization& quantization);

}  // namespace inc::pipeline
