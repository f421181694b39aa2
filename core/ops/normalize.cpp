#include "core/ops/normalize.h"

#include "core/ops/families.h"

namespace inc::ops {

std::span<const OpInfo> normalize_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto part : {normalize_softmax_rows(), normalize_moment_rows(), normalize_loss_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
