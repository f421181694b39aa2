#pragma once
// What the user allows, from INC's vocabulary (model_wise / optype_wise / op_wise, approach, recipes, mixed_precision,
// target) to limits and rules.
#include "core/config/config.h"
#include "core/quant/placement.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

/// Throws ConfigError for a combination that cannot be quantized.
tuning::SpaceOptions space_options(const config::Config& config, const runtime::Adaptor& adaptor);

/// Whether mixed_precision asks for BF16.
bool names_bf16(const config::Config& config);
/// Whether BF16 may be used: mixed_precision names it and the adaptor runs it on the CPU's own instructions. The
/// environment variables FORCE_BF16 and MIX_PRECISION_TEST overrule both: 1 allows it on any CPU, 0 forbids it. Throws
/// ConfigError for another value.
Support bf16_allowed(const config::Config& config, const runtime::Adaptor& adaptor);

/// Recipes scale_propagation_max_pooling and scale_propagation_concat.
quant::QdqOptions qdq_options(const config::Config& config);

}  // namespace inc::pipeline
