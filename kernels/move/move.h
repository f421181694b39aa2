#pragma once
// Moving elements without looking at them.
#include <cstddef>
#include <cstdint>
#include <span>

namespace inc::kernels {

/// dst[i…] = src[i…] for every index below `dims`; strides in elements of `size` bytes (1, 2, 4 or 8), any sign, any order.
void copy_strided(const std::byte* src, std::span<const std::int64_t> src_strides, std::byte* dst,
                  std::span<const std::int64_t> dst_strides, std::span<const std::int64_t> dims, std::size_t size) noexcept;

/// dst[outer][i][…] = src[outer][index[i]][…] with blocks of `bytes`; src has `rows` blocks per outer step. Indices are in
/// range.
void gather_blocks(const std::byte* src, std::byte* dst, const std::int64_t* index, std::int64_t outer, std::int64_t count,
                   std::int64_t rows, std::size_t bytes) noexcept;

/// `count` elements of `size` bytes set to the bytes at `value`.
void fill(std::byte* dst, std::int64_t count, const std::byte* value, std::size_t size) noexcept;

}  // namespace inc::kernels
