#pragma once
// Textual patterns and their matcher.
//
//   t = MatMul(x, w)          one line per operator, last line = root
//   s = Add(t, b)             commutative operators are tried both ways
//   y = Relu(s)
//
// Operator alternatives: Conv|inc.Conv. Several lines that define one name are alternatives for it. A trailing `...`
// in an input list allows further inputs: inc.Conv(x, w, ...). `_` is a missing optional input. A number (0.5) stands
// for a constant of one element with that value (relative tolerance 1e-5). A name that occurs twice must bind the same
// value. Intermediate values must have no users outside the match and must not be graph outputs; a matched node's
// outputs beyond the first must be unused. Bound names: every input and output name of the lines that matched.
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
/// ("'t' is also used by 'z' (Relu)") or the acceptance test.
struct MatchResult {
  std::optional<Match> match;
  std::string near_miss;  ///< empty: not even near
};

class Pattern {
 public:
  /// An empty reason: not even near.
  using Accept = std::function<Support(const Match&)>;

  /// Throws InternalError on a syntax error or an unknown operator (found by the test that builds every rule).
  explicit Pattern(std::string_view text);
  /// The first way to bind the pattern at `root` that `accept` (if given) agrees to.
  MatchResult match(const ir::Graph& graph, ir::NodeId root, const Accept& accept = {}) const;

  struct Input {
    std::string name;
    std::optional<double> literal;
  };
  struct Line {
    std::string output;
    std::vector<std::string> ops;
    std::vector<Input> inputs;
    bool open = false;
  };

 private:
  std::vector<Line> lines_;
};

struct Rule {
  std::string_view name;  ///< == file name == name in logs, config and goldens
  std::string_view pattern;
  /// Why not? An empty reason says that the rule does not concern this place at all; it is not reported.
  std::function<Support(const ir::Graph&, const Match&)> where;
  std::function<ir::Patch(const ir::Graph&, const Match&)> rewrite;
};

}  // namespace inc::passes
