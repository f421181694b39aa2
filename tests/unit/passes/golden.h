#pragma once
// tests/golden/passes/<pass>.txt: cases of one pass, a blank line between them.
//
//   # what the case shows
//   pass: name
//   setup: name, name      passes run before, optional
//   -- before
//   textual ONNX
//   -- after
//   the printed graph and types that changed, or `unchanged: reason`
#include <filesystem>
#include <string>
#include <vector>

#include "core/ir/graph.h"

namespace inc::passes::testing {

struct GoldenCase {
  std::string comment, pass, before, after;
  std::vector<std::string> setup;
};
std::filesystem::path golden_directory();
std::vector<std::string> golden_names();  ///< file names without extension, sorted
std::vector<GoldenCase> read_golden(const std::string& name);
void write_golden(const std::string& name, const std::vector<GoldenCase>& cases);

/// The graph of `before` after the setup passes.
ir::Graph prepared(const GoldenCase& golden);
/// The printed graph, and the types of values that `before` has otherwise.
std::string described(const ir::Graph& graph, const ir::Graph& before);
/// What the pass makes of it: the printed graph, or `unchanged: ` and the reasons.
std::string outcome(const GoldenCase& golden);

}  // namespace inc::passes::testing
