#include "core/ops/elementwise.h"

#include "core/ops/families.h"

namespace inc::ops {

std::span<const OpInfo> elementwise_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto part : {elementwise_math_rows(), elementwise_activation_rows(), elementwise_binary_rows(),
                            elementwise_logic_rows(), elementwise_choose_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
