#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/ops/ops.h"
#include "core/passes/rules.h"

// Every named input dimension is given a number, concrete shapes are propagated through the graph, and the same is done
// once more with other numbers. A dimension that came out equal both times is that number; one that followed a name both
// times is that name.

namespace inc::passes {
namespace {

constexpr std::int64_t kSmallValue = 4096;  // elements of the integer tensors that are computed along
constexpr std::int64_t kPrimes[2][8] = {{97, 103, 109, 127, 137, 149, 157, 167}, {101, 107, 113, 131, 139, 151, 163, 173}};

using Symbols = std::map<std::string, std::int64_t>;

struct Known {
  ops::Spec spec;
  ir::Tensor value;
};
using Shapes = std::map<ir::ValueId, Known>;

std::optional<Symbols> numbers(const ir::Graph& graph, int probe) {
  Symbols symbols;
  for (const ir::ValueId input : graph.inputs()) {
    const ir::TensorType& type = graph.value(input).type;
    if (!type.dims) return std::nullopt;
    for (const ir::Dim& dim : *type.dims) {
      if (dim.known()) continue;
      if (dim.symbol.empty() || symbols.size() == std::size(kPrimes[0])) return std::nullopt;
      symbols.emplace(dim.symbol, kPrimes[probe][symbols.size()]);
    }
  }
  return symbols;
}

ir::Shape concrete(const ir::TensorType& type, const Symbols& symbols) {
  ir::Shape shape;
  for (const ir::Dim& dim : *type.dims) shape.push_back(dim.known() ? dim.value : symbols.at(dim.symbol));
  return shape;
}

void propagate(const ir::Graph& graph, const ir::Node& node, Shapes& shapes) {
  std::vector<ops::Spec> specs;
  std::vector<ir::Tensor> values;
  bool computable = true;
  for (const ir::ValueId v : node.inputs) {
    if (v.none()) {
      specs.push_back({DType::Float, {}, nullptr, false});
      values.emplace_back();
      continue;
    }
    const auto it = shapes.find(v);
    if (it == shapes.end()) return;
    specs.push_back(it->second.spec);
    if (it->second.value.defined()) specs.back().value = &it->second.value;
    values.push_back(it->second.value);
    computable = computable && (it->second.value.defined() || node.op == "Shape" || node.op == "Size");
  }
  const auto outputs = ops::infer(node, specs, graph.opset);
  const bool small = std::all_of(outputs.begin(), outputs.end(), [](const ops::OutputSpec& out) {
    return (is_integer(out.dtype) || out.dtype == DType::Bool) && ir::element_count(out.shape) <= kSmallValue;
  });
  std::vector<ir::Tensor> results(node.outputs.size());
  if (small && node.op == "Shape") {
    const auto rank = static_cast<std::int64_t>(specs[0].shape.size());
    const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    const auto first = bound(node.attrs.integer("start", 0)), last = std::max(first, bound(node.attrs.integer("end", rank)));
    results[0] =
        ir::Tensor::of<std::int64_t>({last - first}, {specs[0].shape.begin() + first, specs[0].shape.begin() + last});
  } else if (small && node.op == "Size") {
    results[0] = ir::Tensor::scalar<std::int64_t>(ir::element_count(specs[0].shape));
  } else if (small && computable) {
    results = ops::evaluate(node, values, graph.opset);
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    shapes.emplace(node.outputs[i], Known{{outputs[i].dtype, outputs[i].shape, nullptr, true}, results[i]});
}

Shapes probe_shapes(const ir::Graph& graph, const Symbols& symbols) {
  Shapes shapes;
  for (const ir::ValueId input : graph.inputs()) {
    const ir::TensorType& type = graph.value(input).type;
    shapes.emplace(input, Known{{type.dtype, concrete(type, symbols), nullptr, true}, {}});
  }
  for (const ir::ValueId id : graph.values())
    if (const ir::Tensor* tensor = graph.constant(id))
      shapes.emplace(id, Known{{tensor->dtype(), tensor->shape(), nullptr, true}, *tensor});
  for (const ir::NodeId id : graph.topological_order()) {
    try {
      propagate(graph, graph.node(id), shapes);
    } catch (const ModelError&) {
      continue;  // the numbers do not suit this model; what follows the node stays open
    }
  }
  return shapes;
}

ir::Dim agreed(std::int64_t a, std::int64_t b, const Symbols& first, const Symbols& second, const ir::Dim& old) {
  for (const auto& [symbol, number] : first)
    if (a == number && b == second.at(symbol)) return {-1, symbol};
  if (a == b) return {a, ""};
  return old;
}

class InferShapes final : public Pass {
 public:
  std::string_view name() const override { return "infer_shapes"; }

  bool run(ir::Graph& graph, Findings*) const override {
    const auto first = numbers(graph, 0), second = numbers(graph, 1);
    if (!first || !second || !has_open(graph, *first)) return false;
    const Shapes a = probe_shapes(graph, *first), b = probe_shapes(graph, *second);
    ir::Patch patch(graph, "dimensions inferred");
    for (const ir::ValueId id : graph.values()) {
      const ir::Value& value = graph.value(id);
      const auto x = a.find(id), y = b.find(id);
      if (!value.producer || graph.is_output(id) || x == a.end() || y == b.end()) continue;
      const ir::Shape &s = x->second.spec.shape, &t = y->second.spec.shape;
      if (s.size() != t.size() || x->second.spec.dtype != value.type.dtype) continue;
      ir::TensorType type{value.type.dtype, std::vector<ir::Dim>(s.size())};
      if (value.type.dims && value.type.dims->size() != s.size()) continue;
      for (std::size_t i = 0; i < s.size(); ++i) {
        const ir::Dim old = value.type.dims ? (*value.type.dims)[i] : ir::Dim{};
        (*type.dims)[i] = open(old, *first) ? agreed(s[i], t[i], *first, *second, old) : old;
      }
      if (!(type == value.type) && ir::compatible(type, value.type)) patch.retype(id, std::move(type));
    }
    if (patch.empty()) return false;
    graph.apply(patch);
    return true;
  }

 private:
  static bool open(const ir::Dim& dim, const Symbols& symbols) { return !dim.known() && !symbols.count(dim.symbol); }
  static bool has_open(const ir::Graph& graph, const Symbols& symbols) {
    for (const ir::ValueId id : graph.values()) {
      const ir::TensorType& type = graph.value(id).type;
      if (!type.dims) return true;
      for (const ir::Dim& dim : *type.dims)
        if (open(dim, symbols)) return true;
    }
    return false;
  }
};

}  // namespace

std::unique_ptr<const Pass> infer_shapes() {
  return std::make_unique<InferShapes>();
}

}  // namespace inc::passes
