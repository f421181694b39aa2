#include "core/ops/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/ops/families.h"

namespace inc::ops {

Epilogue epilogue_of(const ir::Attrs& attrs) {
  return {attrs.text("activation", "none"), attrs.real("activation_alpha"), attrs.real("activation_beta"), {}};
}

Support epilogue_supported(const ir::Node& node, std::int64_t) {
  static constexpr std::array<std::string_view, 11> kKnown = {
      "none", "relu", "clip", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "hardswish", "hardsigmoid", "leaky_relu"};
  const std::string name = node.attrs.text("activation", "none");
  if (std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end()) return Support::yes();
  return Support::no(fmt::format("activation '{}' is not one of the known ones", name));
}

std::span<const OpInfo> linear_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto group : {conv_rows(), conv_transpose_rows(), deform_rows(), matmul_rows(), einsum_rows(),
                             recurrent_rows(), attention_rows()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
