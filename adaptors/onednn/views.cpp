#include "adaptors/onednn/views.h"

#include <algorithm>
#include <set>

#include "adaptors/onednn/qdq.h"

namespace inc::onednn {
namespace {

using Digits = std::vector<ViewAxis::Digit>;

View whole(const Builder& b, ir::ValueId value) {
  View view;
  view.source = value;
  const ir::Shape& shape = b.shape(value);
  const auto strides = row_major_strides(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) view.axes.push_back({{{shape[i], strides[i]}}});
  return view;
}

/// The digits of all axes in order, dealt out to axes of the given sizes. Nothing where a size cuts a digit unevenly.
std::optional<std::vector<ViewAxis>> dealt_out(const std::vector<ViewAxis>& axes, const ir::Shape& shape) {
  Digits left;
  for (const ViewAxis& axis : axes)
    for (const auto& digit : axis.digits)
      if (digit.size != 1) left.push_back(digit);
  std::vector<ViewAxis> result(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    std::int64_t wanted = shape[i];
    Digits& digits = result[i].digits;
    while (wanted > 1) {
      if (left.empty()) return std::nullopt;
      auto& last = left.back();
      if (wanted % last.size == 0) {
        digits.insert(digits.begin(), last);
        wanted /= last.size;
        left.pop_back();
      } else if (last.size % wanted == 0) {
        digits.insert(digits.begin(), {wanted, last.stride});
        last = {last.size / wanted, last.stride * wanted};
        wanted = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  return left.empty() ? std::optional(result) : std::nullopt;
}

std::optional<std::vector<ViewAxis>> moved(const Builder& b, const ir::Node& node, const std::vector<ViewAxis>& axes) {
  static const std::set<std::string, std::less<>> reshapes = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"};
  const ir::Shape &from = b.shape(node.inputs[0]), &to = b.shape(node.outputs[0]);
  if (reshapes.contains(node.op)) return dealt_out(axes, to);
  if (node.op == "Expand") return broadcast(axes, from, to);
  if (node.op != "Transpose") return std::nullopt;
  std::vector<std::int64_t> order = node.attrs.integers("perm");
  if (order.empty())
    for (std::size_t i = from.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  std::vector<ViewAxis> result;
  for (const std::int64_t axis : order) result.push_back(axes[static_cast<std::size_t>(axis)]);
  return result;
}

/// `within`: of 8-bit numbers that are on their way through FP32.
View walk(const Builder& b, ir::ValueId value, const std::function<bool(const ir::Node&)>& may_pass,
          const std::optional<TensorScale>& within) {
  const ir::Node* node = b.graph().alive(value) && !b.is_known(value) ? b.graph().producer(value) : nullptr;
  if (node == nullptr || node->inputs.empty() || !may_pass(*node)) return whole(b, value);
  const bool enters = node->op == "QuantizeLinear" && !within;
  if (enters || (node->op == "DequantizeLinear" && within && tensor_scale(b, *node) == within)) {
    const auto scale = enters ? tensor_scale(b, *node) : std::nullopt;
    if (enters && !scale) return whole(b, value);
    View view = walk(b, node->inputs[0], may_pass, scale);
    if (b.dtype(view.source) == DType::Float) return whole(b, value);
    view.through.insert(view.through.begin(), node->id);
    return view;
  }
  static const std::set<std::string, std::less<>> moves = {"Reshape",  "Squeeze", "Unsqueeze", "Flatten",
                                                           "Identity", "Expand",  "Transpose"};
  if (!moves.contains(node->op)) return whole(b, value);
  View view = walk(b, node->inputs[0], may_pass, within);
  auto axes = moved(b, *node, view.axes);
  if (!axes) return whole(b, value);
  view.axes = std::move(*axes);
  view.through.insert(view.through.begin(), node->id);
  return view;
}

}  // namespace

View view_through(const Builder& b, ir::ValueId value, const std::function<bool(const ir::Node&)>& may_pass) {
  return walk(b, value, may_pass, std::nullopt);
}

std::vector<ViewAxis> broadcast(const std::vector<ViewAxis>& axes, const ir::Shape& from, const ir::Shape& to) {
  std::vector<ViewAxis> result;
  const std::size_t lead = to.size() - from.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool repeated = i < lead || (from[i - lead] == 1 && to[i] != 1);
    result.push_back(repeated ? ViewAxis{{{to[i], 0}}} : axes[i - lead]);
  }
  return result;
}

std::optional<std::int64_t> stride_of(const ViewAxis& axis) {
  std::int64_t stride = 0, count = 1;
  for (auto digit = axis.digits.rbegin(); digit != axis.digits.rend(); ++digit) {
    if (digit->size == 1) continue;
    if (count == 1) stride = digit->stride;
    if (digit->stride != stride * count) return std::nullopt;
    count *= digit->size;
  }
  return stride;
}

std::vector<std::int64_t> matrices_of(const View& view) {
  std::vector<std::int64_t> at{view.offset};
  for (std::size_t i = 0; i + 2 < view.axes.size(); ++i)
    for (const auto& digit : view.axes[i].digits) {
      std::vector<std::int64_t> next;
      for (const std::int64_t base : at)
        for (std::int64_t k = 0; k < digit.size; ++k) next.push_back(base + k * digit.stride);
      at = std::move(next);
    }
  return at;
}

}  // namespace inc::onednn
