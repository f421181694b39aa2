// What a variant does with the sums of a tile; included once per ISA behind its Floats (16 numbers), its tile() and with
// INC_KERNEL_ISA set to its namespace. Nothing here may be inline with external linkage.
#include <cstring>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using Finish = IntegerFinish;
using Output = IntegerFinish::Output;
using Residual = IntegerFinish::Residual;
#define INC_ALWAYS inline __attribute__((always_inline))

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
  }
  return min(max(x, all(f.low)), all(f.high));
}

template <Residual kResidual>
INC_ALWAYS Floats residual(const Finish& f, const std::byte* from) {
  if constexpr (kResidual == Residual::Float) return load(reinterpret_cast<const float*>(from));
  const Floats q = kResidual == Residual::UInt8 ? load_u8(from) : load_s8(from);
  return mul(all(f.residual_scale), add(q, all(-static_cast<float>(f.residual_zero_point))));
}

constexpr std::int64_t size_of_residual(Residual kind) {
  return kind == Residual::Float ? 4 : 1;
}
constexpr std::int64_t size_of_output(Output kind) {
  return kind == Output::Float || kind == Output::Int32 ? 4 : 1;
}

template <Output kOutput, Residual kResidual>
INC_ALWAYS void finish_16(const IntegerPanel& p, const std::int32_t* sums, std::int64_t at, const std::byte* addend,
                          std::byte* dst) {
  const Finish& f = *p.finish;
  if constexpr (kOutput == Output::Int32) return void(std::memcpy(dst, sums, 64));
  Floats x = add(mul(load_integers(sums), load(p.scale + at)), load(p.bias + at));
  if constexpr (kResidual != Residual::None) x = add(x, residual<kResidual>(f, addend));
  x = activate(f, x);
  if (p.has_factor) x = mul(x, load(p.factor + at));
  if constexpr (kOutput == Output::Float) return store(reinterpret_cast<float*>(dst), x);
  const float zero = static_cast<float>(f.out_zero_point), lo = kOutput == Output::UInt8 ? 0.0f : -128.0f;
  x = zero_where_nan(div(x, all(f.out_scale)));
  store_8(dst, min(max(x, all(lo - zero)), all(lo + 255.0f - zero)), f.out_zero_point);
}

template <Output kOutput, Residual kResidual>
void finish_tile(const IntegerPanel& p, const std::int32_t* sums, std::int64_t first, std::int64_t rows) {
  constexpr std::int64_t kOut = size_of_output(kOutput), kAdd = size_of_residual(kResidual);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::byte* dst = p.dst + (first + r) * p.stride * kOut;
    const std::byte* addend = kResidual == Residual::None ? nullptr : p.residual + (first + r) * p.stride * kAdd;
    for (std::int64_t at = 0; at < p.columns; at += 16) {
      const std::int32_t* from = sums + r * kWidth + at;
      const std::int64_t left = p.columns - at;
      if (left >= 16) {
        finish_16<kOutput, kResidual>(p, from, at, addend + at * kAdd, dst + at * kOut);
        continue;
      }
      alignas(64) std::byte made[64], added[64] = {};
      if constexpr (kResidual != Residual::None)
        std::memcpy(added, addend + at * kAdd, static_cast<std::size_t>(left * kAdd));
      finish_16<kOutput, kResidual>(p, from, at, added, made);
      std::memcpy(dst + at * kOut, made, static_cast<std::size_t>(left * kOut));
    }
  }
}

using FinishTile = void (*)(const IntegerPanel&, const std::int32_t*, std::int64_t, std::int64_t);

template <Output kOutput>
FinishTile choose_finish(Residual residual) {
  switch (residual) {
    case Residual::None:
      return finish_tile<kOutput, Residual::None>;
    case Residual::UInt8:
      return finish_tile<kOutput, Residual::UInt8>;
    case Residual::Int8:
      return finish_tile<kOutput, Residual::Int8>;
    case Residual::Float:
      return finish_tile<kOutput, Residual::Float>;
  }
  return nullptr;
}

FinishTile choose_finish(const Finish& f) {
  switch (f.output) {
    case Output::UInt8:
      return choose_finish<Output::UInt8>(f.residual);
    case Output::Int8:
      return choose_finish<Output::Int8>(f.residual);
    case Output::Float:
      return choose_finish<Output::Float>(f.residual);
    case Output::Int32:
      return finish_tile<Output::Int32, Residual::None>;
  }
  return nullptr;
}

template <class Q>
void widen_run(const Q* __restrict src, std::int16_t* __restrict dst, std::int64_t count, std::int32_t zero_point) {
  const auto zero = static_cast<std::int16_t>(zero_point);
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<std::int16_t>(src[i] - zero);
}

}  // namespace

void multiply_panel(const IntegerPanel& p) noexcept {
  alignas(64) std::int32_t sums[kMostWidth * kMostRows];
  const FinishTile finish = choose_finish(*p.finish);
  IntegerTile t{p.weights, p.taps, p.taps + p.tap_count, p.run_bytes, sums, {}};
  const std::int64_t tiles = (p.pixel_count + p.rows - 1) / p.rows;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t first = p.pixel_count * i / tiles, rows = p.pixel_count * (i + 1) / tiles - first;
    for (std::int64_t r = 0; r < rows; ++r) t.rows[r] = p.band + p.pixels[first + r];
    tile(t, rows, p.wide);
    finish(p, sums, first, rows);
  }
}

void widen(const std::byte* src, std::int16_t* dst, std::int64_t count, bool is_signed, std::int32_t zero_point) noexcept {
  if (is_signed)
    widen_run(reinterpret_cast<const std::int8_t*>(src), dst, count, zero_point);
  else
    widen_run(reinterpret_cast<const std::uint8_t*>(src), dst, count, zero_point);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
