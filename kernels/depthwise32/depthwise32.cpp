#include "kernels/depthwise32/depthwise32.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/depthwise32/variant.h"
#include "kernels/isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kChannels = 384;          // of a task: its weights and pixels stay in the first-level cache
constexpr I64 kFarNumbers = 512 << 10;  // leave the second-level cache
constexpr I64 kShortRow = 4 << 10;      // too few to be fetched ahead by the CPU itself
constexpr I64 kLeastChannels = 16;

}  // namespace

bool faster_depthwise32(const DepthwiseShape& s) noexcept {
  return isa() == Isa::Avx2 && s.channels >= kLeastChannels && s.kernel_h * s.kernel_w <= kDepthwise32Taps;
}

Depthwise32 plan_depthwise32(const DepthwiseShape& s) {
  return {s, std::vector<float>(static_cast<std::size_t>(s.channels), 0.0f)};
}

void depthwise32(const Depthwise32& p, const Depthwise32Operands& o) noexcept {
  const DepthwiseShape& s = p.shape;
  const I64 rows = s.batch * s.out_height, parts = (s.channels + kChannels - 1) / kChannels, tasks = rows * parts;
  const auto cut = [&](I64 part) {
    return part == parts ? s.channels : s.channels * part / parts / kLeastChannels * kLeastChannels;
  };
  const I64 pixels = s.width * s.channels, numbers = s.batch * s.height * pixels;
  const bool fetched = numbers >= kFarNumbers && pixels * s.stride_h <= kShortRow;
  parallel_for(o.shares, 1, [&](I64 first, I64 last) {
    for (I64 i = tasks * first / o.shares; i < tasks * last / o.shares; ++i) {
      const I64 row = i / parts, part = i % parts;
      Depthwise32Row r{&p, &o, row / s.out_height, row % s.out_height, cut(part), cut(part + 1)};
      if (fetched && part == 0) {
        const I64 behind = r.row * s.stride_h - s.top + (s.kernel_h - 1) * s.dilation_h + 1;
        r.later = o.src + (r.image * s.height + behind) * pixels, r.later_numbers = s.stride_h * pixels;
      }
      avx2::run_depthwise32(r);
    }
  });
}

}  // namespace inc::kernels
