#pragma once
// How rows of channels are shared out, for drivers.
#include <algorithm>
#include <array>

#include "core/base/parallel.h"
#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// Rows of channels; few channels are taken several rows at once, beside their numbers as often.
/// rows(first element, rows, columns, lines).
template <class Rows>
void over_columns(std::int64_t outer, std::int64_t channels, const ChannelLines& lines, Rows rows) noexcept {
  constexpr std::int64_t kMost = 1024, kGrain = 1 << 14;
  const std::int64_t times = std::max<std::int64_t>(1, std::min(outer, kMost / std::max<std::int64_t>(1, channels)));
  const std::int64_t wide = channels * times;
  std::array<float, static_cast<std::size_t>(kMost)> factors{}, shifts{};
  ChannelLines repeated = lines;
  if (times > 1) {
    for (std::int64_t i = 0; i < wide; i += channels) {
      std::copy_n(lines.factor, channels, factors.data() + i);
      std::copy_n(lines.shift, channels, shifts.data() + i);
    }
    repeated.factor = factors.data(), repeated.shift = shifts.data();
  }
  parallel_for(outer / times, kGrain / std::max<std::int64_t>(1, wide) + 1,
               [&](std::int64_t begin, std::int64_t end) { rows(begin * wide, end - begin, wide, repeated); });
  rows(outer / times * wide, outer % times, channels, lines);
}

}  // namespace inc::kernels
