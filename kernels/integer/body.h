// What a variant does with the sums of a tile; included once per ISA behind its Floats (16 numbers), its tile() and with
// INC_KERNEL_ISA set to its namespace. Nothing here may be inline with external linkage.
#include <cstring>

#include "kernels/smooth.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using Finish = IntegerFinish;
using Output = IntegerFinish::Output;
using Residual = IntegerFinish::Residual;

/// The value at x of a polynomial, highest power first.
template <int kCount>
INC_ALWAYS Floats polynomial(const float (&c)[kCount], Floats x) {
  Floats y = all(c[0]);
#pragma GCC unroll 8
  for (int i = 1; i < kCount; ++i) y = multiply_add(y, x, all(c[i]));
  return y;
}

/// 1 + 2^t, and what is made of it, as in kernels/activate.
INC_ALWAYS Floats one_and_power(Floats t) {
  t = min(max(t, all(-126.0f)), all(126.0f));
  const Floats n = round(t), f = add(t, mul(n, all(-1.0f)));
  return add(times_power(polynomial(kPowerOfTwo, f), n), all(1.0f));
}

INC_ALWAYS Floats sigmoid(Floats x) {
  return div(all(1.0f), one_and_power(mul(x, all(-kLog2e))));
}

INC_ALWAYS Floats gelu(Floats x) {
  return div(x, one_and_power(mul(x, polynomial(kGeluExponent, mul(x, x)))));
}

INC_ALWAYS Floats clip(const Finish& f, Floats x) {
  return min(max(x, all(f.low)), all(f.high));
}

INC_ALWAYS Floats activate(const Finish& f, Floats x) {
  switch (f.activation) {
    case IntegerActivation::None:
      break;
    case IntegerActivation::LeakyRelu:
      x = add(max(x, all(0.0f)), mul(min(x, all(0.0f)), all(f.alpha)));
      break;
    case IntegerActivation::HardSwish:
      x = mul(x, min(max(add(mul(x, all(1.0f / 6)), all(0.5f)), all(0.0f)), all(1.0f)));
      break;
    case IntegerActivation::HardSigmoid:
      x = min(max(add(mul(x, all(f.alpha)), all(f.beta)), all(0.0f)), all(1.0f));
      break;
    case IntegerActivation::Sigmoid:
      x = sigmoid(x);
      break;
    case IntegerActivation::Tanh:
      x = add(mul(sigmoid(mul(x, all(2.0f))), all(2.0f)), all(-1.0f));
      break;
    case IntegerActivation::Silu:
      x = div(x, one_and_power(mul(x, all(-kLog2e))));
      break;
    case IntegerActivation::Gelu:
      x = gelu(x);
      break;
    case IntegerActivation::GeluTanh:
      x = div(x, one_and_power(mul(x, multiply_add(mul(x, x), all(-kTanh * 0.044715f), all(-kTanh)))));
      break;
  }
  return clip(f, x);
}

template <Residual kResidual>
INC_ALWAYS Floats numbers(const std::byte* from) {
  if constexpr (kResidual == Residual::Float) return load(reinterpret_cast<const float*>(from));
  return kResidual == Residual::UInt8 ? load_u8(from) : load_s8(from);
}

template <Residual kResidual>
INC_ALWAYS Floats residual(const Finish& f, const std::byte* from) {
  const Floats q = numbers<kResidual>(from);
  if constexpr (kResidual == Residual::Float) return q;
  return mul(all(f.residual_scale), add(q, all(-static_cast<float>(f.residual_zero_point))));
}

/// To the nearest, ties to even; NaN stays NaN.
INC_ALWAYS void store_bf16(std::byte* to, Floats x) {
  std::uint32_t bits[kLanes];
  std::uint16_t halves[kLanes];
  store(reinterpret_cast<float*>(bits), x);
  for (std::int64_t i = 0; i < kLanes; ++i) {
    const std::uint32_t nearest = bits[i] + 0x7fffu + ((bits[i] >> 16) & 1u);
    halves[i] = static_cast<std::uint16_t>(((bits[i] & 0x7fffffffu) > 0x7f800000u ? bits[i] | 0x400000u : nearest) >> 16);
  }
  std::memcpy(to, halves, sizeof halves);
}

INC_ALWAYS void copy_bytes(const std::byte* from, std::byte* to, std::int64_t bytes) {
  std::int64_t i = 0;
  for (; i + 8 <= bytes; i += 8) std::memcpy(to + i, from + i, 8);
  if ((bytes & 4) != 0) std::memcpy(to + i, from + i, 4), i += 4;
  if ((bytes & 2) != 0) std::memcpy(to + i, from + i, 2), i += 2;
  if ((bytes & 1) != 0) to[i] = from[i];
}

/// What a clip at x leaves of the numbers, as they are quantized.
inline std::uint8_t bound(float x, float step, std::int32_t zero_point) {
  x /= step;
  x = x > -1000.0f ? x : x == x ? -1000.0f : 0.0f;
  x = __builtin_rintf(x < 1000.0f ? x : 1000.0f) + static_cast<float>(zero_point);
  return static_cast<std::uint8_t>(x < 0.0f ? 0.0f : x > 255.0f ? 255.0f : x);
}

/// What the sums of fours start with: zero points are taken from the products at once.
inline void start_sums(const IntegerPanel& p, std::int32_t* initial) {
  for (std::int64_t c = 0; c < p.width; ++c) initial[c] = -p.zero_point * p.weight_sums[c];
}

/// What is the same for all pixels of kLanes channels.
struct Channels {
  Floats scale, bias, factor;
};

template <Output kOutput, Residual kResidual, bool kPlain>
struct Finisher {
  static constexpr std::int64_t kOut = size_of(kOutput), kAdd = size_of(kResidual);
  const Finish f;
  const bool has_factor;
  const Quantizer quantizer;

  explicit Finisher(const IntegerPanel& p)
      : f(*p.finish),
        has_factor(p.factor != nullptr),
        quantizer(f.in_steps ? 1.0f : f.out_scale, f.in_steps ? Inverse{1, 0} : f.inverse, f.out_zero_point, p.low, p.high) {
  }

  /// Between what the clip leaves, in steps.
  INC_ALWAYS Floats held(const Channels& c, Floats x) const {
    const Floats low = mul(all(f.low / f.out_scale), c.factor), high = mul(all(f.high / f.out_scale), c.factor);
    return min(max(x, min(low, high)), max(low, high));
  }

  INC_ALWAYS void whole(const Channels& c, const std::int32_t* sums, const std::byte* addend, std::byte* dst) const {
    if constexpr (kOutput == Output::Int32) return void(std::memcpy(dst, sums, 4 * kLanes));
    const Floats n = load_integers(sums);
    Floats x = f.in_steps ? multiply_add(n, c.scale, c.bias) : add(mul(n, c.scale), c.bias);
    if constexpr (kResidual != Residual::None)
      x = f.in_steps ? multiply_add(numbers<kResidual>(addend), all(f.residual_scale), x)
                     : add(x, residual<kResidual>(f, addend));
    if constexpr (kPlain) return quantizer.template store<kOutput == Output::UInt8>(dst, x);
    if (!f.in_steps) x = activate(f, x);
    if (has_factor && !f.in_steps) x = mul(x, c.factor);
    if constexpr (kOutput == Output::Float) return store(reinterpret_cast<float*>(dst), x);
    if constexpr (kOutput == Output::BFloat16) return store_bf16(dst, x);
    const float zero = static_cast<float>(f.out_zero_point), lo = kOutput == Output::UInt8 ? 0.0f : -128.0f;
    x = zero_where_nan(f.in_steps ? held(c, x) : div(x, all(f.out_scale)));
    store_8(dst, min(max(x, all(lo - zero)), all(lo + 255.0f - zero)), f.out_zero_point);
  }

  /// The first `count` of kLanes channels.
  void some(const Channels& c, const std::int32_t* sums, const std::byte* addend, std::byte* dst, std::int64_t count) const {
    alignas(64) std::byte made[4 * kLanes], added[4 * kLanes] = {};
    if constexpr (kResidual != Residual::None) copy_bytes(addend, added, count * kAdd);
    whole(c, sums, added, made);
    copy_bytes(made, dst, count * kOut);
  }
};

template <Output kOutput, Residual kResidual, bool kPlain>
void run_panel(const IntegerPanel& p) {
  using F = Finisher<kOutput, kResidual, kPlain>;
  alignas(64) std::int32_t sums[kMostWidth * kMostRows];
  const F finish(p);
  alignas(64) std::int32_t initial[kMostWidth];
  if (p.weight_sums != nullptr) start_sums(p, initial);
  IntegerTile t{p.weights,   p.taps,    p.taps + p.tap_count,
                p.run_bytes, sums,      p.band,
                p.pixels,    p.steps,   p.steps + p.step_count,
                p.width,     initial,   p.weights,
                0,           p.offsets, p.pairs,
                p.alone};
  const std::int64_t tiles = (p.pixel_count + p.rows - 1) / p.rows, stride = p.stride, columns = p.columns;
  const std::int64_t least = p.pixel_count / tiles, larger = p.pixel_count % tiles;
  if (p.next_weights != nullptr) t.next = p.next_weights, t.next_step = 4 * p.width / tiles;
  std::byte* dst_pixel = p.dst;
  const std::byte* addend_pixel = p.residual;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t rows = least + (i < larger ? 1 : 0);
    tile(t, rows, p.wide);
    for (std::int64_t at = 0; at < columns; at += kLanes) {
      const Channels c{mul(load(p.scale + at), all(finish.f.run_scale)), load(p.bias + at),
                       finish.has_factor ? load(p.factor + at) : all(1.0f)};
      std::byte* dst = dst_pixel + at * F::kOut;
      const std::byte* addend = addend_pixel + at * F::kAdd;
      const std::int32_t* from = sums + at;
      const std::int64_t left = columns - at;
      for (std::int64_t r = 0; r < rows; ++r) {
        if (left >= kLanes)
          finish.whole(c, from, addend, dst);
        else
          finish.some(c, from, addend, dst, left);
        from += p.width, dst += stride * F::kOut, addend += stride * F::kAdd;
      }
    }
    t.pixels += rows;
    t.next += t.next_step * (p.tap_count * p.run_bytes / 4);
    dst_pixel += rows * stride * F::kOut;
    addend_pixel += rows * stride * F::kAdd;
  }
}

template <Output kOutput, bool kPlain>
void run_panel(const IntegerPanel& p) {
  switch (p.finish->residual) {
    case Residual::None:
      return run_panel<kOutput, Residual::None, kPlain>(p);
    case Residual::UInt8:
      return run_panel<kOutput, Residual::UInt8, kPlain>(p);
    case Residual::Int8:
      return run_panel<kOutput, Residual::Int8, kPlain>(p);
    case Residual::Float:
      return run_panel<kOutput, Residual::Float, false>(p);
  }
}

template <class Q>
void widen_run(const Q* __restrict src, std::int16_t* __restrict dst, std::int64_t count, std::int32_t zero_point) {
  const auto zero = static_cast<std::int16_t>(zero_point);
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<std::int16_t>(src[i] - zero);
}

}  // namespace

void multiply_panel(const IntegerPanel& p) noexcept {
  switch (p.finish->output) {
    case Output::UInt8:
      return p.plain ? run_panel<Output::UInt8, true>(p) : run_panel<Output::UInt8, false>(p);
    case Output::Int8:
      return p.plain ? run_panel<Output::Int8, true>(p) : run_panel<Output::Int8, false>(p);
    case Output::Float:
      return run_panel<Output::Float, false>(p);
    case Output::BFloat16:
      return run_panel<Output::BFloat16, false>(p);
    case Output::Int32:
      return run_panel<Output::Int32, Residual::None, false>(p);
  }
}

void widen(const std::byte* src, std::int16_t* dst, std::int64_t count, bool is_signed, std::int32_t zero_point) noexcept {
  if (is_signed)
    widen_run(reinterpret_cast<const std::int8_t*>(src), dst, count, zero_point);
  else
    widen_run(reinterpret_cast<const std::uint8_t*>(src), dst, count, zero_point);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
