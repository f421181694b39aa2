#include "core/passes/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::passes {

ir::ValueId Match::operator[](std::string_view name) const {
  const auto it = values.find(name);
  if (it == values.end()) throw InternalError(fmt::format("the pattern binds no value '{}'", name));
  return it->second;
}
bool Match::has(std::string_view name) const noexcept {
  return values.find(name) != values.end();
}
ir::NodeId Match::node(std::string_view output_name) const {
  const auto it = nodes.find(output_name);
  if (it == nodes.end()) throw InternalError(fmt::format("the pattern binds no node '{}'", output_name));
  return it->second;
}

namespace {

using Line = Pattern::Line;
using Input = Pattern::Input;

class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  Line read() {
    Line line;
    line.output = word("an output name");
    expect('=');
    do line.ops.push_back(word("an operator"));
    while (accept('|'));
    expect('(');
    while (!accept(')')) {
      if (line.open) fail("')' after '...'");
      if (!line.inputs.empty()) expect(',');
      const std::string input = word("an input name");
      if (input == "...")
        line.open = true;
      else
        line.inputs.push_back(as_input(input));
    }
    skip();
    if (at_ != text_.size()) fail("the end of the line");
    for (const std::string& op : line.ops)
      if (!ops::find(op)) throw InternalError(fmt::format("pattern line '{}': unknown operator '{}'", text_, op));
    return line;
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}'", c));
  }
  std::string word(std::string_view what) {
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' ||
                                  text_[at_] == '.' || (text_[at_] == '-' && at_ == begin)))
      ++at_;
    if (begin == at_) fail(std::string(what));
    return std::string(text_.substr(begin, at_ - begin));
  }
  static Input as_input(const std::string& text) {
    if (text[0] != '-' && !std::isdigit(static_cast<unsigned char>(text[0]))) return {text, std::nullopt};
    return {text, std::strtod(text.c_str(), nullptr)};
  }
  [[noreturn]] void fail(const std::string& expected) const {
    throw InternalError(fmt::format("pattern line '{}': column {}, expected {}", text_, at_ + 1, expected));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool equals(const ir::Tensor* tensor, double literal) {
  if (!tensor || tensor->count() != 1) return false;
  return std::abs(tensor->to_floats()[0] - literal) <= 1e-5 * std::abs(literal);
}

struct Goal {
  Input input;
  ir::ValueId value;
};

class Search {
 public:
  Search(const ir::Graph& graph, const std::vector<Line>& lines, const Pattern::Accept& accept)
      : graph_(graph), lines_(lines), accept_(accept) {}

  bool solve(const Match& match, std::vector<Goal> goals) {
    if (goals.empty()) return finish(match);
    const Goal goal = std::move(goals.back());
    goals.pop_back();
    if (goal.input.name == "_") return goal.value.none() && solve(match, std::move(goals));
    if (goal.value.none()) return false;
    if (goal.input.literal)
      return equals(graph_.constant(goal.value), *goal.input.literal) && solve(match, std::move(goals));
    const auto bound = match.values.find(goal.input.name);
    if (bound != match.values.end()) return bound->second == goal.value && solve(match, std::move(goals));
    return bind(match, goal, goals);
  }

  MatchResult result;

 private:
  bool bind(Match match, const Goal& goal, const std::vector<Goal>& rest) {
    match.values.emplace(goal.input.name, goal.value);
    const auto defines = [&](const Line& line) { return line.output == goal.input.name; };
    if (std::none_of(lines_.begin(), lines_.end(), defines)) return solve(match, rest);
    const ir::Node* producer = graph_.producer(goal.value);
    if (!producer || producer->outputs.front() != goal.value) return false;
    match.nodes.emplace(goal.input.name, producer->id);
    for (const Line& line : lines_)
      if (defines(line) && follow(match, line, *producer, rest)) return true;
    return false;
  }

  bool follow(const Match& match, const Line& line, const ir::Node& node, const std::vector<Goal>& rest) {
    if (std::find(line.ops.begin(), line.ops.end(), node.op) == line.ops.end()) return false;
    if (!line.open)
      for (std::size_t i = line.inputs.size(); i < node.inputs.size(); ++i)
        if (!node.inputs[i].none()) return false;
    const bool both_ways = line.inputs.size() >= 2 && ops::info(node.op).commutative;
    for (int swapped = 0; swapped <= (both_ways ? 1 : 0); ++swapped) {
      std::vector<Goal> goals = rest;
      for (std::size_t i = line.inputs.size(); i-- > 0;) {
        const std::size_t from = swapped && i < 2 ? 1 - i : i;
        goals.push_back({line.inputs[i], node.input(from)});
      }
      if (solve(match, std::move(goals))) return true;
    }
    return false;
  }

  bool finish(const Match& match) {
    if (binds_inside(match)) return false;
    const Support answer = accept_ ? accept_(match) : Support::yes();
    if (!answer && answer.why_not().empty()) return false;
    std::string why = outside_use(match);
    if (answer && why.empty()) {
      result = {match, ""};
      return true;
    }
    if (result.near_miss.empty()) result.near_miss = why.empty() ? answer.why_not() : std::move(why);
    return false;
  }

  /// Whether a free name is bound to what the match itself produces.
  bool binds_inside(const Match& match) const {
    for (const auto& [name, value] : match.values) {
      if (value.none() || match.nodes.count(name)) continue;
      const ir::Node* producer = graph_.producer(value);
      for (const auto& [other, id] : match.nodes)
        if (producer && producer->id == id) return true;
    }
    return false;
  }

  std::string outside_use(const Match& match) const {
    std::vector<ir::NodeId> inside;
    for (const auto& [name, id] : match.nodes) inside.push_back(id);
    const auto within = [&](ir::NodeId id) { return std::find(inside.begin(), inside.end(), id) != inside.end(); };
    for (const auto& [name, id] : match.nodes) {
      const ir::Node& node = graph_.node(id);
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (i == 0 && name == lines_.back().output) continue;
        const ir::Value& value = graph_.value(node.outputs[i]);
        if (graph_.is_output(value.id)) return fmt::format("'{}' is also a graph output", value.name);
        for (const ir::NodeId user : value.consumers)
          if (i > 0 || !within(user))
            return fmt::format("'{}' is also used by '{}' ({})", value.name, graph_.node(user).name,
                               ops::reported_type(graph_.node(user)));
      }
    }
    return "";
  }

  const ir::Graph& graph_;
  const std::vector<Line>& lines_;
  const Pattern::Accept& accept_;
};

}  // namespace

Pattern::Pattern(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines_.push_back(LineReader(line).read());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines_.empty()) throw InternalError("a pattern needs at least one line");
}

MatchResult Pattern::match(const ir::Graph& graph, ir::NodeId root, const Accept& accept) const {
  Search search(graph, lines_, accept);
  const ir::Node& node = graph.node(root);
  if (!node.outputs.empty()) search.solve({}, {{{lines_.back().output, std::nullopt}, node.outputs.front()}});
  return std::move(search.result);
}

}  // namespace inc::passes
