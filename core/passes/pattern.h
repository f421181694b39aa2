#pragma once
// Textual patterns and their matcher.
//
//   t = MatMul(x, w)          one line per operator, last line = root
//   s = Add(t, b)             commutative operators are tried both ways
//   y = Relu(s)
//
// Operator alternatives: Conv|inc.Conv. A trailing `...` in an input list allows further inputs: inc.Conv(x, w, ...).
// `_` is a missing optional input. A name that occurs twice must bind the same value. Intermediate values must have no
// users outside the match and must not be graph outputs. Bound names: every input and output name.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"
#include "core/ir/patch.h"

namespace inc::passes {

class Match {
 public:
  /// The value bound to a pattern name. InternalError for an unknown name.
  ir::ValueId operator[](std::string_view name) const;
  bool has(std::string_view name) const noexcept;
  /// The node that matched the line whose output has that name.
  ir::NodeId node(std::string_view output_name) const;

  std::map<std::string, ir::ValueId, std::less<>> values;
  std::map<std::string, ir::NodeId, std::less<>> nodes;
};

/// A match, or how far the matcher came: a near miss binds every operator line but fails a structural condition
/// ("t has users outside the pattern").
struct MatchResult {
  std::optional<Match> match;
  std::string near_miss;  ///< empty: not even near
};

class Pattern {
 public:
  /// Throws InternalError on a syntax error or an unknown operator (found by the test that builds every rule).
  explicit Pattern(std::string_view text);
  MatchResult match(const ir::Graph& graph, ir::NodeId root) const;

 private:
  struct Line {
    std::string output;
    std::vector<std::string> ops;
    std::vector<std::string> inputs;
    bool open = false;
  };
  std::vector<Line> lines_;
};

struct Rule {
  std::string_view name;     ///< == file name == name in logs, config and goldens
  std::string_view pattern;
  std::function<Support(const ir::Graph&, const Match&)> where;
  std::function<ir::Patch(const ir::Graph&, const Match&)> rewrite;
};

}  // namespace inc::passes
