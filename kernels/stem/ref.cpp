#include <cmath>
#include <cstring>

#include "kernels/stem/variant.h"

namespace inc::kernels::baseline {
namespace {

using I64 = std::int64_t;

void finish(const StemRow& r, I64 pixel, I64 c, std::int32_t sum) {
  const float t = std::fma(static_cast<float>(sum), r.scale[c], r.shift[c]);
  std::byte* to = r.dst + pixel * r.dst_bytes;
  if (r.out == StemOut::F32) {
    const float low = static_cast<const float*>(r.low)[c], high = static_cast<const float*>(r.high)[c];
    const float raised = t < low ? low : t, held = raised > high ? high : raised;
    std::memcpy(to + 4 * c, &held, sizeof held);
    return;
  }
  const std::int32_t low = static_cast<const std::int32_t*>(r.low)[c], high = static_cast<const std::int32_t*>(r.high)[c];
  const auto q = static_cast<std::int32_t>(std::nearbyint(t));
  to[c] = static_cast<std::byte>((q < low ? low : q > high ? high : q) + r.out_zero);
}

void run(const StemRow& r) {
  for (I64 pixel = 0; pixel < r.width; ++pixel)
    for (I64 c = 0; c < r.channels; ++c) {
      std::int32_t sum = r.init[c];
      for (I64 k = 0; k < r.kernel_h; ++k)
        for (I64 u = 0; u < r.units; ++u) {
          std::int16_t x[2], w[2];
          std::memcpy(x, r.rows[k] + pixel * r.pixel_bytes + 4 * u, sizeof x);
          std::memcpy(w, r.weights + ((k * r.units + u) * r.vectors + c) * 4, sizeof w);
          sum += x[0] * w[0] + x[1] * w[1];
        }
      finish(r, pixel, c, sum);
    }
}

void place(const std::uint8_t* from, std::uint8_t turned, std::byte* to, I64 count, std::int32_t zero) {
  for (I64 i = 0; i < count; ++i) {
    const auto word = static_cast<std::int16_t>((from[i] ^ turned) - zero);
    std::memcpy(to + 2 * i, &word, sizeof word);
  }
}

}  // namespace

StemVariant stem_variant() noexcept {
  return {run, place, 1, {1, 1, 1, 1}, false};
}

}  // namespace inc::kernels::baseline
