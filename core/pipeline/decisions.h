#pragma once
// What was decided for every operator, and why.
#include <vector>

#include "core/report/report.h"
#include "core/runtime/adaptor.h"
#include "core/search/search.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

/// One row per operator of the quantized graph (Q/DQ and BF16 casts left out), in topological order. `profile` tells what
/// really ran; may be empty. `decided` explains the operators of the space that are not in INT8 ("…to meet the target").
std::vector<report::OpRow> decisions(const ir::Graph& quantized, const tuning::TuningSpace& space,
                                     const quant::Bf16Plan& bf16, const std::vector<runtime::StepProfile>& profile,
                                     const std::string& decided);

/// Milliseconds a sample: steps are summed by the operator that they serve. Profiles of batches of that many samples.
void add_times(std::vector<report::OpRow>& rows, const std::vector<runtime::StepProfile>& result,
               const std::vector<runtime::StepProfile>& fp32, std::int64_t samples);
/// Of the fastest option of each operator of the space.
void add_sensitivities(std::vector<report::OpRow>& rows, const tuning::TuningSpace& space, const search::Sensitivity& found);

/// Mixed Precision Statistics: operator types by falling total, Q/DQ and BF16 casts last.
std::vector<report::StatisticsRow> statistics(const ir::Graph& quantized, const std::vector<report::OpRow>& ops);

}  // namespace inc::pipeline
