#include <algorithm>
#include <map>

#include "core/onnx/prepare.h"
#include "core/onnx/subgraphs.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kMostSteps = 64;
constexpr std::int64_t kUnsqueezeReadsAxes = 13;
constexpr std::int64_t kScanHasNoBatch = 9;

/// A loop whose steps are known. Values of the node are in the order of the body's.
struct Steps {
  const onnx::GraphProto* body = nullptr;
  std::int64_t count = 0;
  int states = 0;                               ///< carried from step to step
  std::vector<std::string> initial;             ///< of the states
  std::vector<std::string> sequences;           ///< Scan: an element for each step
  std::vector<std::int64_t> axes, output_axes;  ///< of the sequences, of what is gathered
  std::vector<bool> backwards, output_backwards;
  bool counted = false;  ///< Loop: the body's first inputs are the step and the condition
};

bool has_every_output(const onnx::NodeProto& node) {
  return std::find(node.output().begin(), node.output().end(), "") == node.output().end();
}

const onnx::GraphProto* body_of(const onnx::NodeProto& node) {
  const auto* body = attribute_of(node, "body");
  return body != nullptr && body->has_g() && body->g().sparse_initializer_size() == 0 ? &body->g() : nullptr;
}

/// The condition that the body hands on is the one it was given, or true.
bool goes_on(const onnx::GraphProto& body, std::int64_t opset) {
  std::string name = body.output(0).name();
  for (int i = body.node_size(); i-- > 0;) {
    const auto& node = body.node(i);
    if (node.output_size() != 1 || node.output(0) != name) continue;
    const bool hands_on = node.domain().empty() && (node.op_type() == "Identity" || node.op_type() == "Cast");
    if (!hands_on || node.input_size() != 1) break;
    name = node.input(0);
  }
  return name == body.input(1).name() || Oracle(body, opset).truth(name).value_or(false);
}

std::optional<Steps> steps_of_loop(const onnx::NodeProto& node, Oracle& oracle, std::int64_t opset) {
  Steps s;
  s.body = body_of(node);
  s.states = node.input_size() - 2;
  s.counted = true;
  if (s.body == nullptr || s.states < 0 || s.body->input_size() != s.states + 2 || node.input(0).empty() ||
      s.body->output_size() != node.output_size() + 1 || node.output_size() < s.states || !goes_on(*s.body, opset))
    return std::nullopt;
  const auto count = oracle.integer(node.input(0));
  const auto begins = node.input(1).empty() ? std::optional(true) : oracle.truth(node.input(1));
  if (!count || !begins) return std::nullopt;
  s.count = *begins ? std::max<std::int64_t>(0, *count) : 0;
  s.initial.assign(node.input().begin() + 2, node.input().end());
  s.output_axes.assign(static_cast<std::size_t>(node.output_size() - s.states), 0);
  s.output_backwards.assign(s.output_axes.size(), false);
  return s;
}

std::vector<std::int64_t> listed(const onnx::NodeProto& node, std::string_view name, std::size_t count) {
  const auto* attribute = attribute_of(node, name);
  if (attribute == nullptr) return std::vector<std::int64_t>(count, 0);
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::optional<Steps> steps_of_scan(const onnx::NodeProto& node, const Oracle& oracle, std::int64_t opset) {
  Steps s;
  s.body = body_of(node);
  const auto* given = attribute_of(node, "num_scan_inputs");
  if (s.body == nullptr || given == nullptr || opset < kScanHasNoBatch) return std::nullopt;
  const std::int64_t sequences = given->i();
  if (sequences < 1 || sequences > node.input_size()) return std::nullopt;
  s.states = node.input_size() - static_cast<int>(sequences);
  if (s.body->input_size() != node.input_size() || s.body->output_size() != node.output_size() ||
      node.output_size() < s.states)
    return std::nullopt;
  s.initial.assign(node.input().begin(), node.input().begin() + s.states);
  s.sequences.assign(node.input().begin() + s.states, node.input().end());
  const auto gathered = static_cast<std::size_t>(node.output_size() - s.states);
  s.axes = listed(node, "scan_input_axes", s.sequences.size());
  s.output_axes = listed(node, "scan_output_axes", gathered);
  const auto backwards = listed(node, "scan_input_directions", s.sequences.size());
  const auto output_backwards = listed(node, "scan_output_directions", gathered);
  if (s.axes.size() != s.sequences.size() || backwards.size() != s.sequences.size() || s.output_axes.size() != gathered ||
      output_backwards.size() != gathered)
    return std::nullopt;
  for (const auto d : backwards) s.backwards.push_back(d != 0);
  for (const auto d : output_backwards) s.output_backwards.push_back(d != 0);
  const auto count = oracle.size(s.sequences[0], s.axes[0]);
  if (!count) return std::nullopt;
  s.count = *count;
  return s;
}

/// Nothing for those that stay.
std::optional<Steps> steps_of(const onnx::NodeProto& node, Oracle& oracle, std::int64_t opset) {
  if (!node.domain().empty() || !has_every_output(node)) return std::nullopt;
  auto steps = node.op_type() == "Loop"   ? steps_of_loop(node, oracle, opset)
               : node.op_type() == "Scan" ? steps_of_scan(node, oracle, opset)
                                          : std::nullopt;
  const bool gathers = steps && !steps->output_axes.empty();
  if (!steps || steps->count > kMostSteps || (steps->count == 0 && gathers)) return std::nullopt;
  return steps;
}

class Unrolling {
 public:
  Unrolling(Splicer& splicer, std::int64_t opset, Nodes& out) : splicer_(splicer), opset_(opset), out_(out) {}

  void run(const onnx::NodeProto& node, const Steps& s) {
    const Renames hoisted = splicer_.hoist(*s.body);
    std::vector<std::string> states = s.initial;
    std::vector<std::vector<std::string>> gathered(s.output_axes.size());
    for (std::int64_t step = 0; step < s.count; ++step) {
      Renames renames = hoisted;
      const auto given = inputs(node, s, states, step);
      for (int i = 0; i < s.body->input_size(); ++i) renames[s.body->input(i).name()] = given[static_cast<std::size_t>(i)];
      auto results = splicer_.splice(*s.body, std::move(renames), "/" + std::to_string(step), out_);
      if (s.counted) results.erase(results.begin());
      std::copy_n(results.begin(), s.states, states.begin());
      for (std::size_t i = 0; i < gathered.size(); ++i)
        gathered[i].push_back(with_axis(results[static_cast<std::size_t>(s.states) + i], s.output_axes[i]));
    }
    for (int i = 0; i < s.states; ++i) add_node(out_, "Identity", {states[static_cast<std::size_t>(i)]}, node.output(i));
    for (std::size_t i = 0; i < gathered.size(); ++i) {
      if (s.output_backwards[i]) std::reverse(gathered[i].begin(), gathered[i].end());
      set(add_node(out_, "Concat", gathered[i], node.output(s.states + static_cast<int>(i))), "axis", s.output_axes[i]);
    }
  }

 private:
  std::vector<std::string> inputs(const onnx::NodeProto& node, const Steps& s, const std::vector<std::string>& states,
                                  std::int64_t step) {
    std::vector<std::string> given;
    if (s.counted) {
      given.push_back(constant(node, onnx::TensorProto::INT64, step, rank(s.body->input(0))));
      given.push_back(constant(node, onnx::TensorProto::BOOL, 1, rank(s.body->input(1))));
    }
    given.insert(given.end(), states.begin(), states.end());
    for (std::size_t i = 0; i < s.sequences.size(); ++i) {
      const std::string at = constant(node, onnx::TensorProto::INT64, s.backwards[i] ? s.count - 1 - step : step, 0);
      auto& element = add_node(out_, "Gather", {s.sequences[i], at}, splicer_.fresh(s.sequences[i] + "/element"));
      set(element, "axis", s.axes[i]);
      given.push_back(element.output(0));
    }
    return given;
  }

  static int rank(const onnx::ValueInfoProto& info) {
    return info.type().tensor_type().has_shape() ? info.type().tensor_type().shape().dim_size() : 0;
  }

  static void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INT);
    a.set_i(value);
  }

  std::string constant(const onnx::NodeProto& node, onnx::TensorProto::DataType type, std::int64_t value, int rank) {
    auto& made = add_node(out_, "Constant", {}, splicer_.fresh(node.output(0) + "/constant"));
    auto& a = *made.add_attribute();
    a.set_name("value");
    a.set_type(onnx::AttributeProto::TENSOR);
    a.mutable_t()->set_data_type(type);
    for (int i = 0; i < rank; ++i) a.mutable_t()->add_dims(1);
    if (type == onnx::TensorProto::BOOL)
      a.mutable_t()->add_int32_data(static_cast<std::int32_t>(value));
    else
      a.mutable_t()->add_int64_data(value);
    return made.output(0);
  }

  std::string with_axis(const std::string& value, std::int64_t axis) {
    std::vector<std::string> inputs{value};
    if (opset_ >= kUnsqueezeReadsAxes) {
      onnx::NodeProto named;
      named.add_output(value);
      inputs.push_back(constant(named, onnx::TensorProto::INT64, axis, 1));
    }
    auto& made = add_node(out_, "Unsqueeze", inputs, splicer_.fresh(value + "/element"));
    if (opset_ < kUnsqueezeReadsAxes) {
      auto& a = *made.add_attribute();
      a.set_name("axes");
      a.set_type(onnx::AttributeProto::INTS);
      a.add_ints(axis);
    }
    return made.output(0);
  }

  Splicer& splicer_;
  std::int64_t opset_;
  Nodes& out_;
};

}  // namespace

bool unroll_loops(onnx::ModelProto& model, std::int64_t& budget) {
  auto& graph = *model.mutable_graph();
  const std::int64_t opset = opset_of(model);
  std::map<int, Steps> loops;
  Oracle oracle(graph, opset);
  for (int i = 0; i < graph.node_size(); ++i) {
    auto steps = steps_of(graph.node(i), oracle, opset);
    if (!steps) continue;
    const std::int64_t each = steps->body->node_size() + steps->body->input_size() + 2 * steps->body->output_size();
    if (each * steps->count > budget) continue;
    budget -= each * steps->count;
    loops.emplace(i, std::move(*steps));
  }
  if (loops.empty()) return false;
  Splicer splicer(graph);
  Nodes nodes;
  for (int i = 0; i < graph.node_size(); ++i) {
    const auto found = loops.find(i);
    if (found == loops.end())
      nodes.Add(std::move(*graph.mutable_node(i)));
    else
      Unrolling(splicer, opset, nodes).run(graph.node(i), found->second);
  }
  graph.mutable_node()->Swap(&nodes);
  return true;
}

}  // namespace inc::onnx_io
