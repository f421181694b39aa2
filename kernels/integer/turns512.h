// Panels of 8-bit results and of numbers: while a tile is multiplied, the one before it is finished row by row, so that the
// units that multiply do not wait for those that convert. Rounds as the contract says, operation by operation, but for the
// quotient by the scale of the output (exact_inverse()) and Gelu. Included once, behind body.h and gelu512.h.
#include <algorithm>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr __mmask16 kAll = 0xffff;  // gcc 12 takes unmasked forms for uninitialized values

/// How a panel is activated.
enum class Smooth : std::uint8_t { None, Gelu, GeluInSteps };

/// Steps so large that Gelu of degree 3 stays within a thousandth.
constexpr float kLargeStep = 0.005f;

/// What is the same for all pixels. Bytes of signed results are less -128 until the end.
template <int kVectors, Residual kResidual, bool kFactor, Smooth kSmooth>
struct Bytes {
  static constexpr bool kInSteps = kSmooth == Smooth::GeluInSteps;
  static constexpr float kWidth = GeluTable < kInSteps ? 3 : 5 > ::kWidth;
  alignas(64) float scale[kMostWidth], bias[kMostWidth], factor[kMostWidth];
  __m512 high, low, far, residual_scale;
  __m512i zero, least, most, flip, residual_zero;
  __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __mmask64 real;
  bool whole;
  Gelu<kInSteps ? 3 : 5> gelu;
  __m512 above;  // steps of a width

  explicit Bytes(const IntegerPanel& p) : gelu(kInSteps ? p.finish->out_scale : 1.0f) {
    const Finish& f = *p.finish;
    above = _mm512_set1_ps(kWidth / f.out_scale);
    const std::int32_t shift = f.output == Output::Int8 ? 128 : 0;
    std::uint8_t ends[2][kMostWidth] = {};
    for (std::int64_t c = 0; c < 16 * kVectors; ++c) {
      scale[c] = p.scale[c] * f.run_scale;
      bias[c] = p.bias[c];
      if constexpr (kInSteps) scale[c] /= kWidth, bias[c] /= kWidth;
      factor[c] = kFactor ? p.factor[c] : 1.0f;
      const std::uint8_t a = bound(f.low * factor[c], f.out_scale, f.out_zero_point + shift);
      const std::uint8_t b = bound(f.high * factor[c], f.out_scale, f.out_zero_point + shift);
      ends[0][c] = std::min(a, b), ends[1][c] = std::max(a, b);
    }
    least = _mm512_loadu_si512(ends[0]), most = _mm512_loadu_si512(ends[1]);
    high = _mm512_set1_ps(f.inverse.high), low = _mm512_set1_ps(f.inverse.low);
    far = _mm512_set1_ps(1000 * f.out_scale);
    zero = _mm512_set1_epi16(static_cast<short>(f.out_zero_point + shift));
    flip = _mm512_set1_epi8(static_cast<char>(shift));
    residual_scale = _mm512_set1_ps(f.residual_scale), residual_zero = _mm512_set1_epi32(f.residual_zero_point);
    whole = p.columns == 16 * kVectors;
    real = p.columns == 64 ? ~__mmask64{0} : (__mmask64{1} << p.columns) - 1;
  }

  template <int kVector>
  INC_ALWAYS __m512 residual(const std::byte* from) const {
    if constexpr (kResidual == Residual::Float) {
      const auto* numbers = reinterpret_cast<const float*>(from) + 16 * kVector;
      return whole ? _mm512_loadu_ps(numbers) : _mm512_maskz_loadu_ps(static_cast<__mmask16>(real >> 16 * kVector), numbers);
    }
    from += 16 * kVector;
    const __m128i bytes = whole ? load_16(from) : _mm_maskz_loadu_epi8(static_cast<__mmask16>(real >> 16 * kVector), from);
    const __m512i q = _mm512_sub_epi32(_mm512_cvtepu8_epi32(bytes), residual_zero);
    return _mm512_mul_ps(residual_scale, _mm512_cvtepi32_ps(q));
  }

  /// Behind the activation.
  template <int kVector>
  INC_ALWAYS __m512 number(const std::int32_t* sums, const std::byte* addend) const {
    __m512 x = _mm512_cvtepi32_ps(_mm512_load_si512(sums + 16 * kVector));
    x = _mm512_add_ps(_mm512_mul_ps(x, _mm512_load_ps(scale + 16 * kVector)), _mm512_load_ps(bias + 16 * kVector));
    if constexpr (kResidual != Residual::None) x = _mm512_add_ps(x, residual<kVector>(addend));
    if constexpr (kSmooth == Smooth::Gelu)
      x = _mm512_sub_ps(_mm512_maskz_max_ps(kAll, _mm512_setzero_ps(), x),
                        gelu.below(_mm512_mul_ps(x, _mm512_set1_ps(1 / kWidth))));
    return x;
  }

  template <int kVector>
  INC_ALWAYS __m512i steps(const std::int32_t* sums, const std::byte* addend) const {
    if constexpr (kInSteps) {
      const __m512 n = _mm512_cvtepi32_ps(_mm512_load_si512(sums + 16 * kVector));
      const __m512 w = _mm512_fmadd_ps(n, _mm512_load_ps(scale + 16 * kVector), _mm512_load_ps(bias + 16 * kVector));
      const __m512 q = _mm512_fmsub_ps(_mm512_maskz_max_ps(kAll, w, _mm512_setzero_ps()), above, gelu.below(w));
      return _mm512_maskz_cvtps_epi32(kAll, q);
    }
    __m512 x = number<kVector>(sums, addend);
    if constexpr (kResidual == Residual::Float) {  // which may be anything
      x = _mm512_maskz_max_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x, _mm512_sub_ps(_mm512_setzero_ps(), far));
      x = _mm512_min_ps(x, far);
    }
    if constexpr (kFactor) x = _mm512_mul_ps(x, _mm512_load_ps(factor + 16 * kVector));
    return _mm512_maskz_cvtps_epi32(kAll, _mm512_fmadd_ps(x, high, _mm512_mul_ps(x, low)));
  }

  INC_ALWAYS __m512i pair(__m512i a, __m512i b) const { return _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero); }

  INC_ALWAYS void row(const std::int32_t* sums, const std::byte* addend, std::byte* dst) const {
    const __m512i a = steps<0>(sums, addend);
    __m512i front = a, back = a;
    if constexpr (kVectors > 1) front = steps<1>(sums, addend);
    front = pair(a, front), back = front;
    if constexpr (kVectors > 2) {
      back = steps<2>(sums, addend);
      __m512i last = back;
      if constexpr (kVectors > 3) last = steps<3>(sums, addend);
      back = pair(back, last);
    }
    const __m512i q = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(front, back));
    _mm512_mask_storeu_epi8(dst, real, _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(q, least), most), flip));
  }
};

INC_ALWAYS __m256i to_bf16(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
  const __m512i nearest = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  const __mmask16 none = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(nearest, none, quiet), 16));
}

/// The same for results that are numbers, without factors.
template <int kVectors, Residual kResidual, Output kOutput, Smooth kSmooth>
struct Numbers : Bytes<kVectors, kResidual, false, kSmooth> {
  using Base = Bytes<kVectors, kResidual, false, kSmooth>;
  __m512 floor, ceiling;

  explicit Numbers(const IntegerPanel& p)
      : Base(p), floor(_mm512_set1_ps(p.finish->low)), ceiling(_mm512_set1_ps(p.finish->high)) {}

  template <int kVector>
  INC_ALWAYS void store(const std::int32_t* sums, const std::byte* addend, std::byte* dst) const {
    const auto those = static_cast<__mmask16>(this->real >> 16 * kVector);
    __m512 x = Base::template number<kVector>(sums, addend);
    x = _mm512_min_ps(ceiling, _mm512_max_ps(floor, x));
    dst += 16 * kVector * size_of(kOutput);
    if constexpr (kOutput == Output::BFloat16)
      _mm256_mask_storeu_epi16(dst, those, to_bf16(x));
    else
      _mm512_mask_storeu_ps(dst, those, x);
  }

  INC_ALWAYS void row(const std::int32_t* sums, const std::byte* addend, std::byte* dst) const {
    store<0>(sums, addend, dst);
    if constexpr (kVectors > 1) store<1>(sums, addend, dst);
    if constexpr (kVectors > 2) store<2>(sums, addend, dst);
    if constexpr (kVectors > 3) store<3>(sums, addend, dst);
  }
};

/// Rows of few lines far apart are not foreseen by the machine.
INC_ALWAYS void fetch(const std::byte* from, std::int64_t ahead, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += 64) _mm_prefetch(from + ahead + i, _MM_HINT_T0);
}

template <int kVectors, int kRows, class Rows>
void run_rows(const IntegerPanel& p, bool far) {
  const Rows finish(p);
  alignas(64) std::int32_t initial[kMostWidth], sums[2][16 * kVectors * kRows];
  start_sums(p, initial);
  const std::int64_t tiles = (p.pixel_count + kRows - 1) / kRows, each = p.step_count / kRows;
  const std::int64_t out = p.stride * size_of(p.finish->output), in = p.stride * size_of(p.finish->residual);
  const std::byte* next = p.next_weights != nullptr ? p.next_weights : p.weights;
  const std::int64_t next_step = p.next_weights != nullptr ? 64 * kVectors / tiles : 0;
  std::int64_t before = 0;
  for (std::int64_t i = 0; i <= tiles; ++i) {
    const std::int32_t* row = sums[(i + 1) & 1];
    const std::byte* addend = p.residual == nullptr ? p.dst : p.residual + before * in;
    std::byte* dst = p.dst + before * out;
    if (i == tiles) {
      for (int r = 0; r < kRows; ++r, row += 16 * kVectors, dst += out, addend += in) finish.row(row, addend, dst);
      return;
    }
    before = std::min(i * kRows, p.pixel_count - kRows);
    Sums<kVectors, kRows> now(initial, p.band, p.pixels + before, p.weights, next, next_step);
    const std::int32_t* step = p.steps;
    if (i != 0)
      for (int r = 0; r < kRows; ++r, row += 16 * kVectors, dst += out, addend += in) {
        finish.row(row, addend, dst);
        if (far) {
          if (p.residual != nullptr) fetch(addend, 2 * kRows * in, in / p.stride * 16 * kVectors);
          fetch(dst, 2 * kRows * out, out / p.stride * 16 * kVectors);
        }
        now.add(step, step + each);
      }
    now.add(step, p.steps + p.step_count);
    now.store(sums[i & 1]);
    next = now.next;
  }
}

template <int kVectors, int kRows>
bool run_numbers(const IntegerPanel& p, bool far) {
  const IntegerActivation how = p.finish->activation;
  const bool halves = p.finish->output == Output::BFloat16, none = p.finish->residual == Residual::None;
  const auto run = [&]<Residual kResidual, Output kOutput, Smooth kSmooth>() {
    run_rows<kVectors, kRows, Numbers<kVectors, kResidual, kOutput, kSmooth>>(p, far);
    return true;
  };
  if (p.factor != nullptr || (how != IntegerActivation::None && how != IntegerActivation::Gelu)) return false;
  if (how == IntegerActivation::Gelu)
    return none && !halves && run.template operator()<Residual::None, Output::Float, Smooth::Gelu>();
  if (none && halves) return run.template operator()<Residual::None, Output::BFloat16, Smooth::None>();
  if (none) return run.template operator()<Residual::None, Output::Float, Smooth::None>();
  return p.finish->residual == Residual::Float && !halves &&
         run.template operator()<Residual::Float, Output::Float, Smooth::None>();
}

template <int kVectors, int kRows>
bool run_bytes(const IntegerPanel& p, bool far) {
  const IntegerActivation how = p.finish->activation;
  const bool factor = p.factor != nullptr, gelu = how == IntegerActivation::Gelu;
  const auto run = [&]<Residual kResidual, bool kFactor, Smooth kSmooth>() {
    run_rows<kVectors, kRows, Bytes<kVectors, kResidual, kFactor, kSmooth>>(p, far);
    return true;
  };
  if (!(p.finish->inverse.high > 0) || (how != IntegerActivation::None && !gelu)) return false;
  switch (p.finish->residual) {
    case Residual::None:
      if (factor && gelu) return run.template operator()<Residual::None, true, Smooth::Gelu>();
      if (factor) return run.template operator()<Residual::None, true, Smooth::None>();
      if (!gelu) return run.template operator()<Residual::None, false, Smooth::None>();
      if (p.finish->out_scale < kLargeStep) return run.template operator()<Residual::None, false, Smooth::Gelu>();
      return run.template operator()<Residual::None, false, Smooth::GeluInSteps>();
    case Residual::UInt8:
      return !factor && !gelu && run.template operator()<Residual::UInt8, false, Smooth::None>();
    case Residual::Float:
      return !factor && !gelu && run.template operator()<Residual::Float, false, Smooth::None>();
    case Residual::Int8:
      return false;
  }
  return false;
}

/// The last tile begins early enough to be whole: whichever height makes the tiles together less high.
template <int kVectors, int kMore, int kFewer>
bool choose_rows(const IntegerPanel& p, bool far) {
  if (p.pixel_count < kFewer) return false;
  if (size_of(p.finish->output) > 1) return p.pixel_count >= kMore && run_numbers<kVectors, kMore>(p, far);
  const auto height = [&](std::int64_t rows) { return (p.pixel_count + rows - 1) / rows * rows; };
  if (kFewer != kMore && (p.pixel_count < kMore || height(kFewer) < height(kMore)))
    return run_bytes<kVectors, kFewer>(p, far);
  return run_bytes<kVectors, kMore>(p, far);
}

}  // namespace

bool multiply_in_turns(const IntegerPanel& p, bool far) noexcept {
  switch (p.width / 16) {
    case 2:
      return choose_rows<2, 12, 10>(p, far);
    case 3:
      return choose_rows<3, 8, 8>(p, far);
    case 4:
      return choose_rows<4, 6, 5>(p, far);
    default:
      return false;
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
