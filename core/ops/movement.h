#pragma once
// Inside the movement family: its groups of rows, and copies that look at bytes only.
#include <span>

#include "core/ops/support.h"

namespace inc::ops {

std::span<const OpInfo> layout_rows();  ///< the same elements under another shape or order
std::span<const OpInfo> slice_rows();   ///< parts of tensors, put together or cut out
std::span<const OpInfo> pad_rows();
std::span<const OpInfo> gather_rows();   ///< elements chosen by indices
std::span<const OpInfo> scatter_rows();  ///< elements written at indices
std::span<const OpInfo> select_rows();   ///< shapes that depend on values: Compress, Unique, NonMaxSuppression
std::span<const OpInfo> resize_rows();
std::span<const OpInfo> sample_rows();  ///< images read between their pixels

/// Elements of a tensor seen through strides.
struct View {
  std::int64_t base = 0;
  Strides strides;
};
View whole(const ir::Shape& shape);
/// to[target(i)] = from[source(i)] for every position i of `shape`. Same element type.
void copy_view(const ir::Tensor& from, const View& source, ir::Tensor& to, const View& target, const ir::Shape& shape);
/// Blocks of `count` elements.
void copy_block(const ir::Tensor& from, std::int64_t from_at, ir::Tensor& to, std::int64_t to_at, std::int64_t count);
void fill_zero(ir::Tensor& to);

/// Index values of an input as int64, negative ones counted from `limit`. Throws ModelError when one is out of range.
std::vector<std::int64_t> checked_indices(const ir::Tensor& indices, std::int64_t limit);

}  // namespace inc::ops
