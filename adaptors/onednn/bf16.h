#pragma once
// How BF16 operators are carried out: natively where the CPU multiplies BF16, otherwise by FP32 steps whose results are
// rounded to BF16 and stay in FP32 storage; casts between the two are then free.
#include "adaptors/onednn/builder.h"

namespace inc::onednn {

/// An input or output of the node is BF16.
bool touches_bf16(const Builder& builder, const ir::Node& node);
/// The result of the operator on BF16 numbers is a BF16 number before it is rounded: it moves, selects or negates.
bool keeps_bf16(const ir::Node& node);

/// Cast to or from BF16, natively. Casts where one side is another type than FP32 are refused.
bool emit_bf16_cast(Builder& builder, const ir::Node& node);

/// The Cast nodes to BF16 that alone see an FP32 value, so that it need not exist; empty where somebody else sees it.
std::vector<const ir::Node*> only_bf16_casts(const Builder& builder, ir::ValueId value);

/// FP32 → BF16 and back, in the layout of the source.
void emit_narrowing(Builder& builder, const ir::Node& node, ir::ValueId from, ir::ValueId to);
void emit_widening(Builder& builder, const ir::Node& node, ir::ValueId from, ir::ValueId to);

}  // namespace inc::onednn
