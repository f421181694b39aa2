#pragma once
// What is in this room, by file: a family is a directory, a variant a file in it.
#include <span>
#include <string_view>

namespace inc::kernels {

struct Variant {
  std::string_view family;  ///< "quantize"
  std::string_view isa;     ///< "scalar", "avx2", "avx512_core", …: the least that the CPU must have
};

/// Variants of a family lie together.
std::span<const Variant> list() noexcept;

}  // namespace inc::kernels
