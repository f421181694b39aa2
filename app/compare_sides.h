#pragma once
// A model in two forms: what is executed, and the FP32 structure behind it.
#include <filesystem>
#include <map>
#include <optional>

#include "core/ir/graph.h"

namespace inc::app {

struct Side {
  std::string name;
  ir::Graph run;    ///< fused, with its Q/DQ and casts
  ir::Graph plain;  ///< fused, without them
  /// The value of `run` that stands for one of `plain`; nothing where fusion has removed it there.
  std::optional<ir::ValueId> executed(ir::ValueId plain_value) const;
};

/// Whether the file's metadata say what is to be cast to BF16. Throws ModelError.
bool has_bf16_plan(const std::filesystem::path& path);
/// Throws ModelError. A sum of two anchors can be fused into either, and models of other tools may have it the other way
/// round: without `residuals` it stays an operator of its own. A BF16 plan speaks of fused ones.
Side read_side(const std::filesystem::path& path, bool residuals);

/// The graph without casts to and from BF16: values and constants in BF16 are FP32. Names are kept.
ir::Graph without_bf16(const ir::Graph& graph);

}  // namespace inc::app
