#pragma once
// runtime::Trace for adaptors that only run whole graphs: what lies behind the replaced values, as a graph of its own.
#include <map>
#include <set>

#include "core/runtime/adaptor.h"

namespace inc::tuning {

/// As Executable::trace of `fp32`, which executes `fused`. Each rerun prepares a graph. Nothing is counted: share() is 1.
/// All references outlive the trace.
std::unique_ptr<const runtime::Trace> trace_by_parts(const ir::Graph& fused, const runtime::Adaptor& adaptor,
                                                     const runtime::Executable& fp32, std::span<const ir::Tensor> inputs,
                                                     const std::set<ir::ValueId>& replaceable, const runtime::TapSink& tap);

}  // namespace inc::tuning
