// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
constexpr I64 kLanes = 16;

typedef float Lanes __attribute__((vector_size(4 * kLanes)));

struct Sum {
  static float start(float) { return 0.0f; }
  template <class T>
  static inline __attribute__((always_inline)) void join(T& a, const T& x) {
    a = a + x;
  }
  static void fold(float& a, float b) { a += b; }
};
struct SumSquare {
  static float start(float) { return 0.0f; }
  template <class T>
  static inline __attribute__((always_inline)) void join(T& a, const T& x) {
    a = a + x * x;
  }
  static void fold(float& a, float b) { a += b; }
};
struct SumMagnitude {
  static float start(float) { return 0.0f; }
  template <class T>
  static inline __attribute__((always_inline)) void join(T& a, const T& x) {
    a = a + (x < 0 ? -x : x);
  }
  static void fold(float& a, float b) { a += b; }
};
struct Max {
  static float start(float first) { return first; }
  template <class T>
  static inline __attribute__((always_inline)) void join(T& a, const T& x) {
    a = (x > a) | (x != x) ? x : a;
  }
  static void fold(float& a, float b) { join(a, b); }
};
struct Min {
  static float start(float first) { return first; }
  template <class T>
  static inline __attribute__((always_inline)) void join(T& a, const T& x) {
    a = (x < a) | (x != x) ? x : a;
  }
  static void fold(float& a, float b) { join(a, b); }
};

template <class Op>
float along(const float* src, I64 count) {
  Lanes lanes = Lanes{} + Op::start(src[0]);
  I64 i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Lanes x;
    __builtin_memcpy(&x, src + i, sizeof x);
    Op::join(lanes, x);
  }
  float lane[kLanes];
  __builtin_memcpy(lane, &lanes, sizeof lane);
  for (I64 l = 0; i < count; ++i, ++l) Op::join(lane[l], src[i]);
  for (I64 width = kLanes / 2; width > 0; width /= 2)
    for (I64 l = 0; l < width; ++l) Op::fold(lane[l], lane[l + width]);
  return lane[0];
}

template <class Op>
void across(const float* __restrict src, float* __restrict dst, I64 count, I64 stride, I64 columns) {
  for (I64 c = 0; c < columns; ++c) {
    dst[c] = Op::start(src[c]);
    Op::join(dst[c], src[c]);
  }
  for (I64 i = 1; i < count; ++i) {
    const float* row = src + i * stride;
    for (I64 c = 0; c < columns; ++c) Op::join(dst[c], row[c]);
  }
}

}  // namespace

#define INC_REDUCE(name, op)                                                                      \
  void along_##name(const float* src, I64 count, float* dst) noexcept {                           \
    *dst = along<op>(src, count);                                                                 \
  }                                                                                               \
  void across_##name(const float* src, float* dst, I64 count, I64 stride, I64 columns) noexcept { \
    across<op>(src, dst, count, stride, columns);                                                 \
  }
INC_REDUCE(sum, Sum)
INC_REDUCE(square, SumSquare)
INC_REDUCE(magnitude, SumMagnitude)
INC_REDUCE(max, Max)
INC_REDUCE(min, Min)
#undef INC_REDUCE

}  // namespace inc::kernels::INC_KERNEL_ISA
