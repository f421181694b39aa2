#include "core/ops/movement.h"

#include <fmt/format.h>

#include <cstring>

#include "core/ops/families.h"

namespace inc::ops {
namespace {

template <class Word>
void copy_words(const std::byte* from, const View& source, std::byte* to, const View& target, const ir::Shape& shape) {
  const auto* x = reinterpret_cast<const Word*>(from) + source.base;
  auto* y = reinterpret_cast<Word*>(to) + target.base;
  if (shape.empty()) {
    *y = *x;
    return;
  }
  const std::int64_t length = shape.back(), x_step = source.strides.back(), y_step = target.strides.back();
  const ir::Shape outer(shape.begin(), shape.end() - 1);
  const Strides x_outer(source.strides.begin(), source.strides.end() - 1),
      y_outer(target.strides.begin(), target.strides.end() - 1);
  for_each_position(outer, {x_outer, y_outer}, [&](std::int64_t, const std::int64_t* at) {
    const Word* a = x + at[0];
    Word* b = y + at[1];
    if (x_step == 1 && y_step == 1)
      std::memcpy(b, a, static_cast<std::size_t>(length) * sizeof(Word));
    else
      for (std::int64_t i = 0; i < length; ++i) b[i * y_step] = a[i * x_step];
  });
}

}  // namespace

View whole(const ir::Shape& shape) {
  return {0, strides_of(shape)};
}

void copy_view(const ir::Tensor& from, const View& source, ir::Tensor& to, const View& target, const ir::Shape& shape) {
  INC_CHECK(from.dtype() == to.dtype(), "copies keep the element type");
  if (ir::element_count(shape) == 0) return;
  switch (size_of(from.dtype())) {
    case 1:
      return copy_words<std::uint8_t>(from.raw(), source, to.mutable_raw(), target, shape);
    case 2:
      return copy_words<std::uint16_t>(from.raw(), source, to.mutable_raw(), target, shape);
    case 4:
      return copy_words<std::uint32_t>(from.raw(), source, to.mutable_raw(), target, shape);
    default:
      return copy_words<std::uint64_t>(from.raw(), source, to.mutable_raw(), target, shape);
  }
}

void copy_block(const ir::Tensor& from, std::int64_t from_at, ir::Tensor& to, std::int64_t to_at, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(size_of(from.dtype()));
  if (count > 0)
    std::memcpy(to.mutable_raw() + to_at * size, from.raw() + from_at * size, static_cast<std::size_t>(count * size));
}

void fill_zero(ir::Tensor& to) {
  if (to.bytes() > 0) std::memset(to.mutable_raw(), 0, to.bytes());
}

std::vector<std::int64_t> checked_indices(const ir::Tensor& indices, std::int64_t limit) {
  auto values = indices.to_int64s();
  for (auto& v : values) {
    if (v < -limit || v >= limit)
      throw ModelError(fmt::format("index {} found, expected one in [{}, {})", v, -limit, limit));
    if (v < 0) v += limit;
  }
  return values;
}

std::span<const OpInfo> movement_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto group : {layout_rows(), slice_rows(), pad_rows(), gather_rows(), scatter_rows(), select_rows(),
                             resize_rows(), sample_rows()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
