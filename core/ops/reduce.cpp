#include "core/ops/reduce.h"

#include "core/ops/families.h"

namespace inc::ops {

std::span<const OpInfo> reduce_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto part : {reduce_axes_rows(), reduce_search_rows()}) all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
