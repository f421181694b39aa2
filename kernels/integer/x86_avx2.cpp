#include <immintrin.h>

#include "kernels/integer/panel.h"
#define INC_KERNEL_ISA avx2

// 6 pixels × 16 channels: 12 sums, 2 vectors of weights and 2 of products fill the 16 registers. In assembly because gcc
// keeps some of the sums in memory.
#define INC_PIXEL(row, low, high)           \
  "vpbroadcastd (%%" row                    \
  ",%%rcx), %%ymm14\n"                      \
  "vpmaddwd %%ymm12, %%ymm14, %%ymm15\n"    \
  "vpaddd %%ymm15, %%ymm" low ", %%ymm" low \
  "\n"                                      \
  "vpmaddwd %%ymm13, %%ymm14, %%ymm14\n"    \
  "vpaddd %%ymm14, %%ymm" high ", %%ymm" high "\n"
#define INC_CLEAR(low, high)                    \
  "vpxor %%xmm" low ", %%xmm" low ", %%xmm" low \
  "\n"                                          \
  "vpxor %%xmm" high ", %%xmm" high ", %%xmm" high "\n"
#define INC_KEEP(offset, low, high) \
  "vmovdqa %%ymm" low ", " offset   \
  "(%%rax)\n"                       \
  "vmovdqa %%ymm" high ", 32+" offset "(%%rax)\n"
#define INC_WIDE                 \
  "vmovdqu (%%rax), %%ymm12\n"   \
  "vmovdqu 32(%%rax), %%ymm13\n" \
  "add $64, %%rax\n"
#define INC_NARROW                 \
  "vpmovsxbw (%%rax), %%ymm12\n"   \
  "vpmovsxbw 16(%%rax), %%ymm13\n" \
  "add $32, %%rax\n"

#define INC_TILE(clear, weights, pixels, keep)                                                                            \
  asm volatile(                                                                                                           \
      "mov 8(%0), %%rsi\n mov 16(%0), %%rdi\n mov 24(%0), %%r14\n"                                                        \
      "mov 40(%0), %%rax\n mov 48(%0), %%rcx\n"                                                                           \
      "movslq 0(%%rcx), %%r8\n movslq 4(%%rcx), %%r9\n movslq 8(%%rcx), %%r10\n"                                          \
      "movslq 12(%%rcx), %%r11\n movslq 16(%%rcx), %%r12\n movslq 20(%%rcx), %%r13\n"                                     \
      "add %%rax, %%r8\n add %%rax, %%r9\n add %%rax, %%r10\n add %%rax, %%r11\n add %%rax, %%r12\n"                      \
      "add %%rax, %%r13\n mov 0(%0), %%rax\n" clear                                                                       \
      "1:\n mov (%%rsi), %%rcx\n add $8, %%rsi\n lea (%%rcx,%%r14), %%rdx\n"                                              \
      ".p2align 5\n"                                                                                                      \
      "2:\n" weights pixels                                                                                               \
      "add $4, %%rcx\n cmp %%rdx, %%rcx\n jne 2b\n"                                                                       \
      "cmp %%rdi, %%rsi\n jne 1b\n mov 32(%0), %%rax\n" keep                                                              \
      :                                                                                                                   \
      : "r"(&t)                                                                                                           \
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory", "cc", "xmm0", "xmm1", \
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",      \
        "xmm15")

#define INC_CLEAR1 INC_CLEAR("0", "1")
#define INC_CLEAR2 INC_CLEAR1 INC_CLEAR("2", "3")
#define INC_CLEAR3 INC_CLEAR2 INC_CLEAR("4", "5")
#define INC_CLEAR4 INC_CLEAR3 INC_CLEAR("6", "7")
#define INC_CLEAR5 INC_CLEAR4 INC_CLEAR("8", "9")
#define INC_CLEAR6 INC_CLEAR5 INC_CLEAR("10", "11")
#define INC_PIXELS1 INC_PIXEL("r8", "0", "1")
#define INC_PIXELS2 INC_PIXELS1 INC_PIXEL("r9", "2", "3")
#define INC_PIXELS3 INC_PIXELS2 INC_PIXEL("r10", "4", "5")
#define INC_PIXELS4 INC_PIXELS3 INC_PIXEL("r11", "6", "7")
#define INC_PIXELS5 INC_PIXELS4 INC_PIXEL("r12", "8", "9")
#define INC_PIXELS6 INC_PIXELS5 INC_PIXEL("r13", "10", "11")
#define INC_KEEP1 INC_KEEP("0", "0", "1")
#define INC_KEEP2 INC_KEEP1 INC_KEEP("64", "2", "3")
#define INC_KEEP3 INC_KEEP2 INC_KEEP("128", "4", "5")
#define INC_KEEP4 INC_KEEP3 INC_KEEP("192", "6", "7")
#define INC_KEEP5 INC_KEEP4 INC_KEEP("256", "8", "9")
#define INC_KEEP6 INC_KEEP5 INC_KEEP("320", "10", "11")

#include "kernels/integer/pairs256.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr std::int64_t kLanes = 16;
static_assert(offsetof(IntegerTile, sums) == 32 && offsetof(IntegerTile, pixels) == 48, "as in INC_TILE");

template <int kRows, bool kWide>
void multiply(const IntegerTile& t) {
#define INC_ROWS(n)                                                 \
  if constexpr (kRows == n && kWide) {                              \
    INC_TILE(INC_CLEAR##n, INC_WIDE, INC_PIXELS##n, INC_KEEP##n);   \
  } else if constexpr (kRows == n) {                                \
    INC_TILE(INC_CLEAR##n, INC_NARROW, INC_PIXELS##n, INC_KEEP##n); \
  }
  INC_ROWS(1) INC_ROWS(2) INC_ROWS(3) INC_ROWS(4) INC_ROWS(5) INC_ROWS(6)
#undef INC_ROWS
}

template <int kRows>
void multiply_pairs(const IntegerTile& t) {
  const Sums<kRows> sums(t);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
    for (int i = 0; i < 2; ++i) _mm256_store_si256(reinterpret_cast<__m256i*>(t.sums) + 2 * r + i, sums.v[r][i]);
}

void tile(const IntegerTile& t, std::int64_t rows, bool wide) {
  using Multiply = void (*)(const IntegerTile&);
  static constexpr Multiply kPairs[4] = {multiply_pairs<1>, multiply_pairs<2>, multiply_pairs<3>, multiply_pairs<4>};
  if (t.offsets != nullptr) return kPairs[rows - 1](t);
  static constexpr Multiply kTiles[2][6] = {
      {multiply<1, false>, multiply<2, false>, multiply<3, false>, multiply<4, false>, multiply<5, false>,
       multiply<6, false>},
      {multiply<1, true>, multiply<2, true>, multiply<3, true>, multiply<4, true>, multiply<5, true>, multiply<6, true>}};
  kTiles[wide ? 1 : 0][rows - 1](t);
}

struct Floats {
  __m256 a, b;
};

inline Floats all(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
inline Floats load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
inline Floats floats(__m256i a, __m256i b) {
  return {_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)};
}
inline Floats load_integers(const std::int32_t* from) {
  return floats(_mm256_load_si256(reinterpret_cast<const __m256i*>(from)),
                _mm256_load_si256(reinterpret_cast<const __m256i*>(from + 8)));
}
inline Floats load_u8(const std::byte* from) {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return floats(_mm256_cvtepu8_epi32(q), _mm256_cvtepu8_epi32(_mm_srli_si128(q, 8)));
}
inline Floats load_s8(const std::byte* from) {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return floats(_mm256_cvtepi8_epi32(q), _mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)));
}
inline Floats add(Floats x, Floats y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
inline Floats mul(Floats x, Floats y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
inline Floats div(Floats x, Floats y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
inline Floats max(Floats x, Floats bound) {
  return {_mm256_max_ps(bound.a, x.a), _mm256_max_ps(bound.b, x.b)};
}
inline Floats min(Floats x, Floats bound) {
  return {_mm256_min_ps(bound.a, x.a), _mm256_min_ps(bound.b, x.b)};
}
inline __m256 round(__m256 x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats round(Floats x) {
  return {round(x.a), round(x.b)};
}
inline __m256 times_power(__m256 x, __m256 n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
}
inline Floats times_power(Floats x, Floats n) {
  return {times_power(x.a, n.a), times_power(x.b, n.b)};
}
inline Floats multiply_add(Floats x, Floats y, Floats z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline Floats zero_where_nan(Floats x) {
  return {_mm256_and_ps(x.a, _mm256_cmp_ps(x.a, x.a, _CMP_ORD_Q)), _mm256_and_ps(x.b, _mm256_cmp_ps(x.b, x.b, _CMP_ORD_Q))};
}
inline void store(float* to, Floats x) {
  _mm256_storeu_ps(to, x.a);
  _mm256_storeu_ps(to + 8, x.b);
}
inline void store_8(std::byte* to, Floats x, std::int32_t zero_point) {
  const __m256i zero = _mm256_set1_epi32(zero_point), low = _mm256_set1_epi32(255);
  const __m256i a = _mm256_and_si256(_mm256_add_epi32(_mm256_cvtps_epi32(x.a), zero), low);
  const __m256i b = _mm256_and_si256(_mm256_add_epi32(_mm256_cvtps_epi32(x.b), zero), low);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

#define INC_ALWAYS inline __attribute__((always_inline))

/// Quantizes where nothing under- or overflows; without division where the scale has an inverse.
struct Quantizer {
  __m256 scale, high, low;
  bool inverted;
  __m256i zero, order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
  __m128i least, most;
  Quantizer(float s, Inverse inverse, std::int32_t zero_point, std::int32_t from, std::int32_t to)
      : scale(_mm256_set1_ps(s)),
        high(_mm256_set1_ps(inverse.high)),
        low(_mm256_set1_ps(inverse.low)),
        inverted(inverse.high != 0),
        zero(_mm256_set1_epi16(static_cast<short>(zero_point))),
        least(_mm_set1_epi8(static_cast<char>(from))),
        most(_mm_set1_epi8(static_cast<char>(to))) {}

  INC_ALWAYS __m256i steps(__m256 x) const {
    return _mm256_cvtps_epi32(inverted ? _mm256_fmadd_ps(x, high, _mm256_mul_ps(x, low)) : _mm256_div_ps(x, scale));
  }
  template <bool kUnsigned>
  INC_ALWAYS void store(std::byte* to, Floats x) const {
    const __m256i q = _mm256_adds_epi16(_mm256_packs_epi32(steps(x.a), steps(x.b)), zero);
    const __m256i bytes = kUnsigned ? _mm256_packus_epi16(q, q) : _mm256_packs_epi16(q, q);
    const __m128i r = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     kUnsigned ? _mm_min_epu8(_mm_max_epu8(r, least), most) : _mm_min_epi8(_mm_max_epi8(r, least), most));
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/body.h"
//
#include "kernels/integer/finish256.h"
