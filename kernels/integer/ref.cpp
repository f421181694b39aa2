#include "kernels/integer/panel.h"
#define INC_KERNEL_ISA baseline

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr std::int64_t kWidth = 16, kLanes = 16;

struct Floats {
  float v[16];
};

template <class F>
inline Floats each(F f) {
  Floats out;
  for (int i = 0; i < 16; ++i) out.v[i] = f(i);
  return out;
}

Floats all(float x) {
  return each([&](int) { return x; });
}
Floats load(const float* from) {
  return each([&](int i) { return from[i]; });
}
Floats load_integers(const std::int32_t* from) {
  return each([&](int i) { return static_cast<float>(from[i]); });
}
Floats load_u8(const std::byte* from) {
  return each([&](int i) { return static_cast<float>(from[i]); });
}
Floats load_s8(const std::byte* from) {
  return each([&](int i) { return static_cast<float>(static_cast<std::int8_t>(from[i])); });
}
Floats add(const Floats& a, const Floats& b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
Floats mul(const Floats& a, const Floats& b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
Floats div(const Floats& a, const Floats& b) {
  return each([&](int i) { return a.v[i] / b.v[i]; });
}
Floats max(const Floats& a, const Floats& bound) {
  return each([&](int i) { return a.v[i] < bound.v[i] ? bound.v[i] : a.v[i]; });
}
Floats min(const Floats& a, const Floats& bound) {
  return each([&](int i) { return a.v[i] > bound.v[i] ? bound.v[i] : a.v[i]; });
}
Floats round(const Floats& a) {
  return each([&](int i) { return __builtin_rintf(a.v[i]); });
}
/// Not a number where the power is none.
Floats times_power(const Floats& a, const Floats& power) {
  return each(
      [&](int i) { return power.v[i] == power.v[i] ? __builtin_ldexpf(a.v[i], static_cast<int>(power.v[i])) : power.v[i]; });
}
Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
  return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
Floats zero_where_nan(const Floats& a) {
  return each([&](int i) { return a.v[i] == a.v[i] ? a.v[i] : 0.0f; });
}
void store(float* to, const Floats& a) {
  for (int i = 0; i < 16; ++i) to[i] = a.v[i];
}
void store_8(std::byte* to, const Floats& a, std::int32_t zero_point) {
  for (int i = 0; i < 16; ++i)
    to[i] = static_cast<std::byte>(static_cast<std::int32_t>(__builtin_rintf(a.v[i])) + zero_point);
}

#define INC_ALWAYS inline __attribute__((always_inline))

struct Quantizer {
  float scale;
  std::int32_t zero_point, low, high;
  Quantizer(float s, Inverse, std::int32_t zero, std::int32_t least, std::int32_t most)
      : scale(s), zero_point(zero), low(least), high(most) {}
  template <bool>
  void store(std::byte* to, const Floats& x) const {
    for (int i = 0; i < 16; ++i) {
      const std::int32_t q = static_cast<std::int32_t>(__builtin_rintf(x.v[i] / scale)) + zero_point;
      to[i] = static_cast<std::byte>(q < low ? low : q > high ? high : q);
    }
  }
};

template <class W>
void multiply(const IntegerTile& t, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows * kWidth; ++i) t.sums[i] = 0;
  const W* w = reinterpret_cast<const W*>(t.weights);
  for (const std::int64_t* tap = t.taps; tap != t.taps_end; ++tap)
    for (std::int64_t k = 0; k < t.run_bytes; k += 4, w += 2 * kWidth)
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto* a = reinterpret_cast<const std::int16_t*>(t.band + t.pixels[r] + *tap + k);
        for (std::int64_t c = 0; c < kWidth; ++c) t.sums[r * kWidth + c] += a[0] * w[2 * c] + a[1] * w[2 * c + 1];
      }
}

void tile(const IntegerTile& t, std::int64_t rows, bool wide) {
  wide ? multiply<std::int16_t>(t, rows) : multiply<std::int8_t>(t, rows);
}

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/body.h"
