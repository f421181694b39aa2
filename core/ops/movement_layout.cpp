#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/ops/movement.h"

namespace inc::ops {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

int rank_of(const ir::Shape& shape) noexcept {
  return static_cast<int>(shape.size());
}

void eval_copy(const EvalContext& c) {
  copy(c.inputs[0], c.outputs[0]);
}

std::vector<OutputSpec> infer_reshape(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  auto shape = integers_from(c, 1, "shape");
  const auto check = [&](bool holds, std::string_view what) {  // a text takes longer than all else here
    if (!holds) require(false, fmt::format(fmt::runtime(what), to_string(shape), to_string(x)));
  };
  const bool zero_is_zero = c.attrs.integer("allowzero") != 0;
  std::int64_t known = 1;
  int open = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero) {
      check(i < x.size(), "shape {} copies more dimensions than {} has");
      shape[i] = x[i];
    }
    if (shape[i] == -1) {
      check(open < 0, "shape {} leaves more than one dimension open");
      open = static_cast<int>(i);
      continue;
    }
    check(shape[i] >= 0, "shape {} has a dimension below -1");
    check(shape[i] == 0 || known <= kMostElements / shape[i], "shape {} has too many elements");
    known *= shape[i];
  }
  const std::int64_t count = ir::element_count(x);
  if (open >= 0) {
    check(known > 0 && count % known == 0, "{1} does not reshape to {0}");
    shape[static_cast<std::size_t>(open)] = count / known;
  }
  check(ir::element_count(shape) == count, "{1} does not reshape to {0}");
  return {{c.inputs[0].dtype, shape}};
}

std::vector<OutputSpec> infer_flatten(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const int rank = rank_of(x);
  const std::int64_t axis = c.attrs.integer("axis", 1);
  const int split = axis == rank ? rank : normal_axis(axis, rank);
  return {{c.inputs[0].dtype, {product(x, 0, split), product(x, split, rank)}}};
}

std::vector<OutputSpec> infer_squeeze(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const bool all = !c.has(1) && !c.attrs.has("axes");
  const auto axes = normal_axes(all ? std::vector<std::int64_t>{} : integers_from(c, 1, "axes"), rank_of(x));
  ir::Shape shape;
  for (int d = 0; d < rank_of(x); ++d) {
    const std::int64_t dim = x[static_cast<std::size_t>(d)];
    const bool named = std::binary_search(axes.begin(), axes.end(), d);
    require(!named || dim == 1, fmt::format("axis {} of {} cannot be squeezed", d, to_string(x)));
    if (!(all ? dim == 1 : named)) shape.push_back(dim);
  }
  return {{c.inputs[0].dtype, shape}};
}

std::vector<OutputSpec> infer_unsqueeze(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const auto wanted = integers_from(c, 1, "axes");
  const auto axes = normal_axes(wanted, rank_of(x) + static_cast<int>(wanted.size()));
  ir::Shape shape = x;
  for (const int axis : axes) shape.insert(shape.begin() + axis, 1);
  return {{c.inputs[0].dtype, shape}};
}

std::vector<std::int64_t> permutation(const ir::Attrs& attrs, const ir::Shape& x) {
  const std::size_t rank = x.size();
  std::vector<std::int64_t> perm(rank);
  std::iota(perm.rbegin(), perm.rend(), 0);
  perm = attrs.integers("perm", perm);
  auto sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    require(sorted.size() == rank && sorted[i] == static_cast<std::int64_t>(i),
            fmt::format("perm {} is not a permutation of the {} axes", to_string(perm), rank));
  require(perm.size() == rank, fmt::format("perm {} is not a permutation of the {} axes", to_string(perm), rank));
  return perm;
}

template <class T>
std::vector<T> permuted(const std::vector<T>& items, const std::vector<std::int64_t>& perm) {
  std::vector<T> out;
  for (const auto p : perm) out.push_back(items[static_cast<std::size_t>(p)]);
  return out;
}

std::vector<OutputSpec> infer_transpose(const InferContext& c) {
  return {{c.inputs[0].dtype, permuted(c.inputs[0].shape, permutation(c.attrs, c.inputs[0].shape))}};
}

void turn(const EvalContext& c, const ir::Shape& seen_as, const std::vector<std::int64_t>& perm) {
  const ir::Shape shape = permuted(seen_as, perm);
  copy_view(c.inputs[0], {0, permuted(strides_of(seen_as), perm)}, c.outputs[0], whole(shape), shape);
}

void eval_transpose(const EvalContext& c) {
  turn(c, c.inputs[0].shape(), permutation(c.attrs, c.inputs[0].shape()));
}

std::int64_t block_of(const ir::Attrs& attrs, const ir::Shape& x) {
  const std::int64_t block = attrs.integer("blocksize", 0);
  require(block > 0, fmt::format("blocksize {} found, expected at least 1", block));
  require(x.size() == 4, fmt::format("input {} found, expected [N, C, H, W]", to_string(x)));
  return block;
}

std::vector<OutputSpec> infer_depth_to_space(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const std::int64_t b = block_of(c.attrs, x);
  require(x[1] % (b * b) == 0, fmt::format("{} channels do not divide into blocks of {}", x[1], b * b));
  return {{c.inputs[0].dtype, {x[0], x[1] / (b * b), x[2] * b, x[3] * b}}};
}

void eval_depth_to_space(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const std::int64_t b = block_of(c.attrs, x), depth = x[1] / (b * b);
  if (c.attrs.text("mode", "DCR") == "CRD")
    turn(c, {x[0], depth, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3});
  else
    turn(c, {x[0], b, b, depth, x[2], x[3]}, {0, 3, 4, 1, 5, 2});
}

std::vector<OutputSpec> infer_space_to_depth(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const std::int64_t b = block_of(c.attrs, x);
  require(x[2] % b == 0 && x[3] % b == 0, fmt::format("{} does not divide into blocks of {}", to_string(x), b));
  return {{c.inputs[0].dtype, {x[0], x[1] * b * b, x[2] / b, x[3] / b}}};
}

void eval_space_to_depth(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const std::int64_t b = block_of(c.attrs, x);
  if (c.attrs.text("mode", "DCR") == "CRD")
    turn(c, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 1, 3, 5, 2, 4});
  else
    turn(c, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4});
}

std::vector<OutputSpec> infer_expand(const InferContext& c) {
  return {{c.inputs[0].dtype, broadcast(c.inputs[0].shape, known_integers(c, 1))}};
}

void eval_expand(const EvalContext& c) {
  const auto& shape = c.outputs[0].shape();
  copy_view(c.inputs[0], {0, broadcast_strides(c.inputs[0].shape(), shape)}, c.outputs[0], whole(shape), shape);
}

std::vector<OutputSpec> infer_tile(const InferContext& c) {
  ir::Shape shape = c.inputs[0].shape;
  const auto repeats = known_integers(c, 1);
  require(repeats.size() == shape.size(),
          fmt::format("repeats {} found for an input {}", to_string(repeats), to_string(shape)));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    require(repeats[i] >= 0, fmt::format("repeats {} found, expected at least 0", repeats[i]));
    require(shape[i] == 0 || repeats[i] <= kMostElements / shape[i],
            fmt::format("repeats {} make too many elements", repeats[i]));
    shape[i] *= repeats[i];
  }
  return {{c.inputs[0].dtype, shape}};
}

void eval_tile(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const auto repeats = c.inputs[1].to_int64s();
  const Strides own = strides_of(x);
  ir::Shape shape;
  Strides strides;
  for (std::size_t i = 0; i < x.size(); ++i) {
    shape.insert(shape.end(), {repeats[i], x[i]});
    strides.insert(strides.end(), {0, own[i]});
  }
  copy_view(c.inputs[0], {0, strides}, c.outputs[0], whole(shape), shape);
}

constexpr OpInfo row(std::string_view name, int inputs, std::uint32_t value_inputs, decltype(OpInfo::infer) infer,
                     decltype(OpInfo::eval) eval) {
  return {.name = name,
          .max_inputs = inputs,
          .quant = QuantRole::PassThrough,
          .bf16 = Bf16Policy::Infer,
          .value_inputs = value_inputs,
          .infer = infer,
          .eval = eval};
}

}  // namespace

std::span<const OpInfo> layout_rows() {
  static constexpr OpInfo kRows[] = {
      row("Reshape", 2, 2, infer_reshape, eval_copy),
      row("Flatten", 1, 0, infer_flatten, eval_copy),
      row("Squeeze", 2, 2, infer_squeeze, eval_copy),
      row("Unsqueeze", 2, 2, infer_unsqueeze, eval_copy),
      row("Transpose", 1, 0, infer_transpose, eval_transpose),
      row("DepthToSpace", 1, 0, infer_depth_to_space, eval_depth_to_space),
      row("SpaceToDepth", 1, 0, infer_space_to_depth, eval_space_to_depth),
      row("Expand", 2, 2, infer_expand, eval_expand),
      row("Tile", 2, 2, infer_tile, eval_tile),
  };
  return kRows;
}

}  // namespace inc::ops
