#include "adaptors/onednn/batches.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "adaptors/onednn/walk.h"

namespace inc::onednn {
namespace {

using Names = std::set<std::string_view>;

/// One input at most depends on the batch, and each sample's output on its own input alone.
const Names kRowByRow = {"Abs",
                         "AveragePool",
                         "BatchNormalization",
                         "Cast",
                         "Ceil",
                         "Clip",
                         "Elu",
                         "Erf",
                         "Exp",
                         "Floor",
                         "Gelu",
                         "GlobalAveragePool",
                         "GlobalMaxPool",
                         "HardSigmoid",
                         "HardSwish",
                         "Identity",
                         "LeakyRelu",
                         "LRN",
                         "MaxPool",
                         "Neg",
                         "Not",
                         "QuantizeLinear",
                         "DequantizeLinear",
                         "Reciprocal",
                         "Relu",
                         "Resize",
                         "Selu",
                         "Sigmoid",
                         "Softplus",
                         "Sqrt",
                         "Swish",
                         "Tanh",
                         "Upsample",
                         "Mish",
                         "Round"};
/// The same with several inputs that depend on the batch, each along its first axis.
const Names kElementwise = {"Add",        "Sub", "Mul",     "Div",   "Max",  "Min", "Pow",   "PRelu",
                            "Sum",        "And", "Greater", "Equal", "Less", "Or",  "Where", "GreaterOrEqual",
                            "LessOrEqual"};
const Names kLinear = {"Conv", "inc.Conv", "Gemm", "inc.Gemm", "MatMul", "inc.MatMul"};
const Names kReshaping = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
const Names kAlongAxis = {"Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "Concat", "Split"};

class Check {
 public:
  Check(const Prepared& p, const Shapes& whole, const Shapes& part, std::int64_t batch, std::int64_t few)
      : p_(p), g_(p.graph()), whole_(whole), part_(part), batch_(batch), few_(few) {}

  bool run() {
    for (const ir::ValueId input : g_.inputs()) {
      if (!leads(input)) return false;
      batched_.insert(input);
    }
    for (const ir::NodeId id : p_.order())
      if (!node(g_.node(id))) return false;
    return std::all_of(g_.outputs().begin(), g_.outputs().end(), [&](ir::ValueId v) { return batched_.contains(v); });
  }

 private:
  /// Of weights too, which are not dequantized for it.
  const ir::Shape& shape(ir::ValueId v) const {
    const auto it = whole_.entries.find(v);
    return it != whole_.entries.end() ? it->second.shape : p_.constant(v)->shape();
  }
  /// The first axis, and no other, is the batch.
  bool leads(ir::ValueId v) const {
    const auto a = whole_.entries.find(v), b = part_.entries.find(v);
    if (a == whole_.entries.end() || b == part_.entries.end() || a->second.shape.empty()) return false;
    ir::Shape expected = a->second.shape;
    if (expected[0] != batch_) return false;
    expected[0] = few_;
    return b->second.shape == expected;
  }
  bool batched(ir::ValueId v) const { return !v.none() && batched_.contains(v); }
  /// Known before the run, whatever the batch; for operands that are read by value.
  bool fixed(ir::ValueId v) const {
    if (v.none() || p_.is_constant(v)) return true;
    const auto a = whole_.folded.find(v), b = part_.folded.find(v);
    return a != whole_.folded.end() && b != part_.folded.end() && ir::identical(a->second, b->second);
  }
  bool folded(ir::ValueId v) const { return fixed(v) || whole_.folded.contains(v); }

  bool node(const ir::Node& n) {
    const bool known = std::all_of(n.outputs.begin(), n.outputs.end(), [&](ir::ValueId v) { return v.none() || folded(v); });
    if (known) return true;
    if (n.op != "Shape" && !allowed(n)) return false;
    for (const ir::ValueId output : n.outputs) {
      if (output.none()) continue;
      if (!leads(output)) return false;
      batched_.insert(output);
    }
    return true;
  }

  bool others_fixed(const ir::Node& n, std::size_t first) const {
    for (std::size_t i = first; i < n.inputs.size(); ++i)
      if (!fixed(n.inputs[i])) return false;
    return true;
  }

  bool allowed(const ir::Node& n) const {
    if (kElementwise.contains(n.op)) return elementwise(n);
    if (!batched(n.input(0))) return n.op == "Gather" && fixed(n.input(0)) && batched(n.input(1)) && axis_of(n, 0) == 0;
    if (kRowByRow.contains(n.op)) return others_fixed(n, 1) && n.attrs.integer("axis", 1) != 0;
    if (kLinear.contains(n.op)) return linear(n);
    if (kReshaping.contains(n.op)) return true;
    if (kAlongAxis.contains(n.op)) return axis_of(n, 0) != 0 && along(n);
    if (n.op == "Transpose") return n.attrs.integers("perm", {1}).front() == 0;
    if (n.op == "Gather") return axis_of(n, 0) != 0 && fixed(n.input(1));
    if (n.op.starts_with("Reduce")) return reduces(n);
    if (n.op == "Slice") return slices(n);
    return false;
  }

  std::int64_t axis_of(const ir::Node& n, std::size_t input) const {
    const bool softmax = n.op == "Softmax" || n.op == "LogSoftmax";
    const std::int64_t usual = softmax ? (g_.opset < 13 ? 1 : -1) : n.op.ends_with("Normalization") ? -1 : 0;
    return normal_axis(n.attrs.integer("axis", usual), shape(n.inputs[input]).size());
  }
  bool along(const ir::Node& n) const {
    if (n.op != "Concat") return others_fixed(n, 1);
    return std::all_of(n.inputs.begin(), n.inputs.end(), [&](ir::ValueId v) { return batched(v); });
  }
  bool elementwise(const ir::Node& n) const {
    const std::size_t rank = shape(n.outputs[0]).size();
    return std::all_of(n.inputs.begin(), n.inputs.end(), [&](ir::ValueId v) {
      if (batched(v)) return shape(v).size() == rank;
      return !v.none() && fixed(v) && (shape(v).size() < rank || shape(v)[0] == 1);
    });
  }
  bool linear(const ir::Node& n) const {
    if (n.attrs.integer("transA") != 0) return false;
    const bool matmul = n.op.ends_with("MatMul");
    const bool joint = matmul && batched(n.input(1)) && shape(n.inputs[1]).size() >= 3 &&
                       shape(n.inputs[1]).size() == shape(n.inputs[0]).size();
    const bool weights =
        fixed(n.input(1)) && (!matmul || (shape(n.inputs[0]).size() >= 2 && shape(n.inputs[1]).size() <= 2));
    if (!joint && !weights) return false;
    if (!fixed(n.input(2)) || (n.op.ends_with("Gemm") && !n.input(2).none() && leading(n.inputs[2]) > 1)) return false;
    return n.input(3).none() || (batched(n.input(3)) && shape(n.inputs[3]) == shape(n.outputs[0]));
  }
  std::int64_t leading(ir::ValueId v) const { return shape(v).size() < 2 ? 1 : shape(v)[0]; }
  const ir::Tensor* value(ir::ValueId v) const {
    if (const ir::Tensor* known = p_.constant(v)) return known;
    const auto it = whole_.folded.find(v);
    return it == whole_.folded.end() ? nullptr : &it->second;
  }
  bool spares_batch(const std::vector<std::int64_t>& axes, std::size_t rank) const {
    return !axes.empty() && std::all_of(axes.begin(), axes.end(), [&](std::int64_t a) { return normal_axis(a, rank) != 0; });
  }
  bool reduces(const ir::Node& n) const {
    if (!others_fixed(n, 1)) return false;
    const ir::Tensor* given = n.input(1).none() ? nullptr : value(n.input(1));
    return spares_batch(given != nullptr ? given->to_int64s() : n.attrs.integers("axes"), shape(n.inputs[0]).size());
  }
  bool slices(const ir::Node& n) const {
    if (!others_fixed(n, 1) || n.inputs.size() < 4 || n.input(3).none()) return false;
    return spares_batch(value(n.input(3))->to_int64s(), shape(n.inputs[0]).size());
  }

  const Prepared& p_;
  const ir::Graph& g_;
  const Shapes &whole_, &part_;
  std::int64_t batch_, few_;
  std::set<ir::ValueId> batched_;
};

}  // namespace

bool separable(const Prepared& prepared, const Shapes& whole, const Shapes& part, std::int64_t batch, std::int64_t few) {
  return Check(prepared, whole, part, batch, few).run();
}

std::int64_t samples_at_a_time(std::int64_t batch, std::size_t bytes, int threads) {
  constexpr std::size_t kCache = std::size_t{4} << 20;
  std::int64_t best = 1;
  if (bytes <= kCache) return batch;
  for (std::int64_t few = 1; few < batch; ++few)
    if (batch % few == 0 &&
        (few <= threads || bytes / static_cast<std::size_t>(batch) * static_cast<std::size_t>(few) <= kCache))
      best = few;
  return best;
}

}  // namespace inc::onednn
