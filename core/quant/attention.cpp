#include "core/quant/attention.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/ops/ops.h"

namespace inc::quant {
namespace {

constexpr std::array<std::string_view, 5> kMovements{"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity"};
constexpr std::array<std::string_view, 6> kBetween{"Add", "Sub", "Mul", "Div", "Where", "Cast"};
constexpr std::size_t kLongest = 12;  ///< nodes between a product and the softmax

bool is_computed(const ir::Graph& graph, ir::ValueId value) {
  return !value.none() && graph.constant(value) == nullptr && graph.value(value).type.dtype == DType::Float;
}

bool is_product(const ir::Graph& graph, const ir::Node& node) {
  return (node.op == "MatMul" || (node.op == "inc.MatMul" && ops::epilogue(node).activation == "none")) &&
         node.inputs.size() == 2 && is_computed(graph, node.inputs[0]) && is_computed(graph, node.inputs[1]);
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& ops, const ir::Node& node) {
  return std::find(ops.begin(), ops.end(), node.op) != ops.end();
}

class Finder {
 public:
  explicit Finder(const ir::Graph& graph) : graph_(graph) {}

  std::optional<Attention> find(const ir::Node& context) {
    if (!is_product(graph_, context)) return std::nullopt;
    found_.context = context.id;
    found_.nodes.insert(context.id);
    if (!find_softmax(context.inputs[0])) return std::nullopt;
    return found_;
  }

 private:
  bool read_once(ir::ValueId value) const {
    return is_computed(graph_, value) && !graph_.is_output(value) && graph_.value(value).consumers.size() == 1;
  }

  bool find_softmax(ir::ValueId value) {
    for (std::size_t i = 0; i < kLongest; ++i) {
      const ir::Node* node = read_once(value) ? graph_.producer(value) : nullptr;
      if (node == nullptr) return false;
      found_.nodes.insert(node->id);
      if (node->op == "Softmax") {
        found_.softmax = node->id;
        return find_scores(node->inputs[0], kLongest);
      }
      if (!is_one_of(kMovements, *node)) return false;
      value = node->inputs[0];
    }
    return false;
  }

  bool find_scores(ir::ValueId value, std::size_t left) {
    const ir::Node* node = read_once(value) ? graph_.producer(value) : nullptr;
    if (node == nullptr || left == 0) return false;
    const bool product = is_product(graph_, *node), moves = is_one_of(kMovements, *node);
    if (product) found_.scores = node->id;
    const std::size_t sides = moves ? 1 : node->inputs.size();
    bool passes = product;
    if (moves || is_one_of(kBetween, *node))
      for (std::size_t i = 0; i < sides && !passes; ++i) passes = find_scores(node->inputs[i], left - 1);
    if (passes) found_.nodes.insert(node->id);
    return passes;
  }

  const ir::Graph& graph_;
  Attention found_;
};

}  // namespace

std::optional<Attention> attention_at(const ir::Graph& graph, const ir::Node& context) {
  return Finder(graph).find(context);
}

std::vector<Attention> attentions(const ir::Graph& graph) {
  std::vector<Attention> out;
  for (const ir::NodeId id : graph.topological_order())
    if (auto found = attention_at(graph, graph.node(id))) out.push_back(std::move(*found));
  return out;
}

}  // namespace inc::quant
