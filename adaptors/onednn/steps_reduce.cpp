#include <algorithm>
#include <array>
#include <optional>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/walk.h"
#include "kernels/reduce/reduce.h"

namespace inc::onednn {
namespace {

struct Row {
  std::string_view op;
  kernels::Reduce reduce;
};
constexpr std::array kRows{Row{"ReduceSum", kernels::Reduce::Sum},
                           Row{"ReduceMean", kernels::Reduce::Mean},
                           Row{"ReduceMax", kernels::Reduce::Max},
                           Row{"ReduceMin", kernels::Reduce::Min},
                           Row{"ReduceSumSquare", kernels::Reduce::SumSquare},
                           Row{"ReduceL1", kernels::Reduce::L1},
                           Row{"ReduceL2", kernels::Reduce::L2}};

struct Extents {
  std::int64_t outer = 1, count = 1, inner = 1;
};

/// The reduced axes side by side in memory, the others in their logical order.
std::optional<Extents> extents(const ir::Shape& shape, const std::vector<bool>& reduced,
                               const std::vector<std::size_t>& order) {
  Extents e;
  int phase = 0;
  std::size_t previous = 0;
  for (const std::size_t axis : order) {
    if (shape[axis] == 1) continue;
    if (reduced[axis]) {
      if (phase == 2) return std::nullopt;
      phase = 1;
      e.count *= shape[axis];
      continue;
    }
    if (phase == 1) phase = 2;
    if (axis < previous) return std::nullopt;
    previous = axis;
    (phase == 0 ? e.outer : e.inner) *= shape[axis];
  }
  return e;
}

bool reduce_axes(Builder& b, const ir::Node& node, kernels::Reduce op, const std::vector<bool>& reduced) {
  const ir::Shape& shape = b.shape(node.inputs[0]);
  const auto in_order = [&](int slot) { return extents(shape, reduced, memory_order(b.slot(slot).desc, shape.size())); };
  const int here = b.any(node.inputs[0]);
  const bool strided = b.slot(here).desc.is_zero() || is_permuted(b.slot(here).desc);
  std::optional<Extents> found = strided ? in_order(here) : std::nullopt;
  const int from = found ? here : b.plain(node.inputs[0]);
  if (!found) found = in_order(from);
  if (!found) return false;
  const int to = b.make(node.outputs[0]);
  b.step(node, "inc:reduce", {from}, {to},
         [=, e = *found](Frame& f) { kernels::reduce(op, f.as<float>(from), f.as<float>(to), e.outer, e.count, e.inner); });
  return true;
}

}  // namespace

bool emit_global_pool(Builder& b, const ir::Node& node) {
  const bool max = node.op == "GlobalMaxPool";
  if ((!max && node.op != "GlobalAveragePool") || b.dtype(node.inputs[0]) != DType::Float) return false;
  std::vector<bool> reduced(b.shape(node.inputs[0]).size(), true);
  reduced[0] = reduced[1] = false;
  return reduce_axes(b, node, max ? kernels::Reduce::Max : kernels::Reduce::Mean, reduced);
}

bool emit_reduce(Builder& b, const ir::Node& node) {
  const auto* row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.op == node.op; });
  if (row == kRows.end() || b.dtype(node.inputs[0]) != DType::Float) return false;
  const ir::Shape& shape = b.shape(node.inputs[0]);
  ir::Shape axes = node.attrs.integers("axes");
  if (!node.input(1).none()) {
    if (b.known(node.input(1)) == nullptr) return false;
    axes = b.known(node.input(1))->to_int64s();
  }
  if (axes.empty() && node.attrs.integer("noop_with_empty_axes", 0) != 0) return false;
  std::vector<bool> reduced(shape.size(), axes.empty());
  for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(normal_axis(axis, shape.size()))] = true;
  return reduce_axes(b, node, row->reduce, reduced);
}

}  // namespace inc::onednn
