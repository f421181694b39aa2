#pragma once
// Inside the linear family: its groups of rows, and what follows a sum.
#include <span>

#include "core/ops/window.h"

namespace inc::ops {

std::span<const OpInfo> conv_rows();
std::span<const OpInfo> conv_transpose_rows();
std::span<const OpInfo> deform_rows();
std::span<const OpInfo> matmul_rows();
std::span<const OpInfo> einsum_rows();
std::span<const OpInfo> recurrent_rows();
std::span<const OpInfo> attention_rows();

Epilogue epilogue_of(const ir::Attrs& attrs);
/// The activation is known.
Support epilogue_supported(const ir::Node& node, std::int64_t opset);

/// The last step of an anchor: sum in double, activation in float, one rounding to T.
template <class T>
class Finish {
 public:
  explicit Finish(const ir::Attrs& attrs) : epilogue_(epilogue_of(attrs)), plain_(epilogue_.activation == "none") {}
  template <class S>
  T operator()(S sum) const noexcept {
    if constexpr (std::is_floating_point_v<S>) {
      if (!plain_) return narrow<T>(activate(epilogue_, static_cast<float>(sum)));
    }
    return narrow<T>(sum);
  }

 private:
  Epilogue epilogue_;
  bool plain_;
};

}  // namespace inc::ops
