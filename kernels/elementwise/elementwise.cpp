#include "kernels/elementwise/elementwise.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "kernels/bfloat16/bfloat16.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;

#define INC_DECLARE_BINARY(name) \
  INC_KERNEL_DECLARE(            \
      void binary_##name(const float* a, const float* b, float* dst, int64_t n, int64_t sa, int64_t sb) noexcept)
#define INC_DECLARE_UNARY(name) INC_KERNEL_DECLARE(void unary_##name(const float* src, float* dst, int64_t n) noexcept)
INC_DECLARE_BINARY(add)
INC_DECLARE_BINARY(sub)
INC_DECLARE_BINARY(mul)
INC_DECLARE_BINARY(div)
INC_DECLARE_BINARY(max)
INC_DECLARE_BINARY(min)
INC_DECLARE_BINARY(prelu)
INC_DECLARE_UNARY(erf)
INC_DECLARE_UNARY(neg)
INC_DECLARE_UNARY(abs)
INC_DECLARE_UNARY(sqrt)
INC_DECLARE_UNARY(reciprocal)
INC_DECLARE_UNARY(floor)
INC_DECLARE_UNARY(ceil)
INC_DECLARE_UNARY(square)
INC_DECLARE_UNARY(cube)
INC_DECLARE_UNARY(three_quarters)
INC_DECLARE_UNARY(relu)
INC_DECLARE_UNARY(exp)
INC_KERNEL_DECLARE(void cut_line(const float* src, float* dst, int64_t n, float factor, float shift, float low,
                                 float high) noexcept)

namespace {

constexpr int64_t kGrain = 1 << 14;

/// Calls row(a offset, b offset, dst offset, count, a stride, b stride) for pieces of rows.
template <class Row>
void walk(const Broadcast& s, int64_t begin, int64_t end, Row row) noexcept {
  const auto last = static_cast<std::size_t>(s.rank - 1);
  const int64_t width = s.dims[last];
  while (begin < end) {
    int64_t rest = begin / width, a = 0, b = 0;
    const int64_t column = begin % width, count = std::min(width - column, end - begin);
    for (std::size_t axis = last; axis-- > 0; rest /= s.dims[axis]) {
      a += rest % s.dims[axis] * s.a[axis];
      b += rest % s.dims[axis] * s.b[axis];
    }
    row(a + column * s.a[last], b + column * s.b[last], begin, count, s.a[last], s.b[last]);
    begin += count;
  }
}

void binary_row(Binary op, const float* a, const float* b, float* dst, int64_t n, int64_t sa, int64_t sb) noexcept {
  switch (op) {
    case Binary::Add:
      INC_KERNEL_CALL(binary_add, a, b, dst, n, sa, sb);
      return;
    case Binary::Sub:
      INC_KERNEL_CALL(binary_sub, a, b, dst, n, sa, sb);
      return;
    case Binary::Mul:
      INC_KERNEL_CALL(binary_mul, a, b, dst, n, sa, sb);
      return;
    case Binary::Div:
      INC_KERNEL_CALL(binary_div, a, b, dst, n, sa, sb);
      return;
    case Binary::Max:
      INC_KERNEL_CALL(binary_max, a, b, dst, n, sa, sb);
      return;
    case Binary::Min:
      INC_KERNEL_CALL(binary_min, a, b, dst, n, sa, sb);
      return;
    case Binary::PRelu:
      INC_KERNEL_CALL(binary_prelu, a, b, dst, n, sa, sb);
      return;
    case Binary::Pow:
      for (int64_t i = 0; i < n; ++i)
        dst[i] = static_cast<float>(std::pow(static_cast<double>(a[i * sa]), static_cast<double>(b[i * sb])));
      return;
  }
}

template <class T>
T integer_binary(Binary op, T x, T y) noexcept {
  using U = std::make_unsigned_t<T>;
  switch (op) {
    case Binary::Add:
      return static_cast<T>(static_cast<U>(x) + static_cast<U>(y));
    case Binary::Sub:
      return static_cast<T>(static_cast<U>(x) - static_cast<U>(y));
    case Binary::Mul:
      return static_cast<T>(static_cast<U>(x) * static_cast<U>(y));
    case Binary::Max:
      return std::max(x, y);
    default:
      return std::min(x, y);
  }
}

template <class T>
void integer_walk(Binary op, const T* a, const T* b, T* dst, const Broadcast& shape) noexcept {
  parallel_for(shape.count, kGrain, [&](int64_t begin, int64_t end) {
    walk(shape, begin, end, [&](int64_t ia, int64_t ib, int64_t id, int64_t n, int64_t sa, int64_t sb) {
      for (int64_t i = 0; i < n; ++i) dst[id + i] = integer_binary(op, a[ia + i * sa], b[ib + i * sb]);
    });
  });
}

template <class T, class F>
void compare_walk(const std::byte* from_a, const std::byte* from_b, bool* dst, const Broadcast& shape, F f) noexcept {
  const T *a = reinterpret_cast<const T*>(from_a), *b = reinterpret_cast<const T*>(from_b);
  parallel_for(shape.count, kGrain, [&](int64_t begin, int64_t end) {
    walk(shape, begin, end, [&](int64_t ia, int64_t ib, int64_t id, int64_t n, int64_t sa, int64_t sb) {
      const T *x = a + ia, *y = b + ib;
      bool* d = dst + id;
      if (sa == 0 && sb == 1)
        for (int64_t i = 0; i < n; ++i) d[i] = f(*x, y[i]);
      else if (sa == 1 && sb == 0)
        for (int64_t i = 0; i < n; ++i) d[i] = f(x[i], *y);
      else
        for (int64_t i = 0; i < n; ++i) d[i] = f(x[i * sa], y[i * sb]);
    });
  });
}

template <class T>
void compare_typed(Compare op, const std::byte* a, const std::byte* b, bool* dst, const Broadcast& s) noexcept {
  switch (op) {
    case Compare::Equal:
      return compare_walk<T>(a, b, dst, s, [](T x, T y) { return x == y; });
    case Compare::Less:
      return compare_walk<T>(a, b, dst, s, [](T x, T y) { return x < y; });
    case Compare::LessOrEqual:
      return compare_walk<T>(a, b, dst, s, [](T x, T y) { return x <= y; });
    case Compare::Greater:
      return compare_walk<T>(a, b, dst, s, [](T x, T y) { return x > y; });
    case Compare::GreaterOrEqual:
      return compare_walk<T>(a, b, dst, s, [](T x, T y) { return x >= y; });
  }
}

template <class T>
void choose_typed(const bool* condition, int64_t condition_stride, const T* a, int64_t sa, const T* b, int64_t sb, T* dst,
                  int64_t n) noexcept {
  if (condition_stride == 0) {
    const T* from = *condition ? a : b;
    const int64_t step = *condition ? sa : sb;
    for (int64_t i = 0; i < n; ++i) dst[i] = from[i * step];
    return;
  }
  for (int64_t i = 0; i < n; ++i) dst[i] = condition[i * condition_stride] ? a[i * sa] : b[i * sb];
}

void unary_run(Unary op, const float* src, float* dst, int64_t n) noexcept {
  switch (op) {
    case Unary::Erf:
      INC_KERNEL_CALL(unary_erf, src, dst, n);
      return;
    case Unary::Neg:
      INC_KERNEL_CALL(unary_neg, src, dst, n);
      return;
    case Unary::Abs:
      INC_KERNEL_CALL(unary_abs, src, dst, n);
      return;
    case Unary::Sqrt:
      INC_KERNEL_CALL(unary_sqrt, src, dst, n);
      return;
    case Unary::Reciprocal:
      INC_KERNEL_CALL(unary_reciprocal, src, dst, n);
      return;
    case Unary::Floor:
      INC_KERNEL_CALL(unary_floor, src, dst, n);
      return;
    case Unary::Ceil:
      INC_KERNEL_CALL(unary_ceil, src, dst, n);
      return;
    case Unary::Square:
      INC_KERNEL_CALL(unary_square, src, dst, n);
      return;
    case Unary::Cube:
      INC_KERNEL_CALL(unary_cube, src, dst, n);
      return;
    case Unary::ThreeQuarters:
      INC_KERNEL_CALL(unary_three_quarters, src, dst, n);
      return;
    case Unary::Relu:
      INC_KERNEL_CALL(unary_relu, src, dst, n);
      return;
    case Unary::Exp:
      INC_KERNEL_CALL(unary_exp, src, dst, n);
      return;
  }
}

void cut_run(const CutLine& line, const float* src, float* dst, int64_t n) noexcept {
  INC_KERNEL_CALL(cut_line, src, dst, n, line.factor, line.shift, line.low, line.high);
}

constexpr int64_t kPiece = 512;  // of a BF16 row in FP32: stays in the nearest cache

/// `count` elements of a BF16 row as FP32, side by side.
void widen_piece(const BFloat16* src, int64_t stride, float* dst, int64_t count) noexcept {
  constexpr int64_t kShort = 32;
  if (stride == 1 && count > kShort) return widen_row(src, dst, count);
  for (int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i * stride]);
}

/// dst = act(src) piece by piece; act(values, count) works in place.
template <class Act>
void in_fp32(const BFloat16* src, BFloat16* dst, int64_t count, Act act) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    alignas(64) float x[kPiece];
    for (int64_t i = begin; i < end; i += kPiece) {
      const int64_t m = std::min(kPiece, end - i);
      widen_row(src + i, x, m);
      act(x, m);
      narrow_row(x, dst + i, m);
    }
  });
}

template <class From, class To>
void convert_typed(const std::byte* src, std::byte* dst, int64_t count) noexcept {
  const From* from = reinterpret_cast<const From*>(src);
  To* to = reinterpret_cast<To*>(dst);
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<To, bool>)
        to[i] = from[i] != From{};
      else
        to[i] = static_cast<To>(from[i]);
    }
  });
}

template <class From>
bool convert_from(const std::byte* src, DType to, std::byte* dst, int64_t count) noexcept {
  switch (to) {
    case DType::Float:
      convert_typed<From, float>(src, dst, count);
      return true;
    case DType::Int32:
      convert_typed<From, std::int32_t>(src, dst, count);
      return true;
    case DType::Int64:
      convert_typed<From, int64_t>(src, dst, count);
      return true;
    case DType::Bool:
      convert_typed<From, bool>(src, dst, count);
      return true;
    default:
      return false;
  }
}

}  // namespace

Broadcast broadcast(std::span<const int64_t> dims, std::span<const int64_t> a, std::span<const int64_t> b) noexcept {
  Broadcast s;
  s.rank = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    s.count *= dims[i];
    if (dims[i] == 1) continue;
    const auto last = static_cast<std::size_t>(s.rank - 1);
    if (s.rank > 0 && s.a[last] == a[i] * dims[i] && s.b[last] == b[i] * dims[i]) {
      s.dims[last] *= dims[i];
      s.a[last] = a[i];
      s.b[last] = b[i];
      continue;
    }
    const auto at = static_cast<std::size_t>(s.rank++);
    s.dims[at] = dims[i];
    s.a[at] = a[i];
    s.b[at] = b[i];
  }
  if (s.rank == 0) s.rank = 1, s.dims[0] = 1, s.a[0] = 1, s.b[0] = 1;
  return s;
}

void binary(Binary op, const float* a, const float* b, float* dst, const Broadcast& shape) noexcept {
  parallel_for(shape.count, kGrain, [&](int64_t begin, int64_t end) {
    walk(shape, begin, end, [&](int64_t ia, int64_t ib, int64_t id, int64_t n, int64_t sa, int64_t sb) {
      binary_row(op, a + ia, b + ib, dst + id, n, sa, sb);
    });
  });
}

void binary(Binary op, const std::int32_t* a, const std::int32_t* b, std::int32_t* dst, const Broadcast& shape) noexcept {
  integer_walk(op, a, b, dst, shape);
}
void binary(Binary op, const int64_t* a, const int64_t* b, int64_t* dst, const Broadcast& shape) noexcept {
  integer_walk(op, a, b, dst, shape);
}

bool compare(Compare op, DType dtype, const std::byte* a, const std::byte* b, bool* dst, const Broadcast& shape) noexcept {
  switch (dtype) {
    case DType::Float:
      compare_typed<float>(op, a, b, dst, shape);
      return true;
    case DType::Int32:
      compare_typed<std::int32_t>(op, a, b, dst, shape);
      return true;
    case DType::Int64:
      compare_typed<int64_t>(op, a, b, dst, shape);
      return true;
    case DType::UInt8:
      compare_typed<std::uint8_t>(op, a, b, dst, shape);
      return true;
    case DType::Int8:
      compare_typed<std::int8_t>(op, a, b, dst, shape);
      return true;
    case DType::Bool:
      compare_typed<bool>(op, a, b, dst, shape);
      return true;
    default:
      return false;
  }
}

void choose(const bool* condition, std::span<const int64_t> condition_strides, const std::byte* a, const std::byte* b,
            std::byte* dst, std::size_t size, std::span<const int64_t> dims, std::span<const int64_t> a_strides,
            std::span<const int64_t> b_strides) noexcept {
  if (dims.empty()) {
    std::copy(*condition ? a : b, (*condition ? a : b) + size, dst);
    return;
  }
  const std::size_t last = dims.size() - 1;
  int64_t rows = 1;
  for (std::size_t i = 0; i < last; ++i) rows *= dims[i];
  const int64_t width = dims[last];
  parallel_for(rows, kGrain / std::max<int64_t>(1, width) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t ic = 0, ia = 0, ib = 0, rest = r;
      for (std::size_t axis = last; axis-- > 0; rest /= dims[axis]) {
        const int64_t at = rest % dims[axis];
        ic += at * condition_strides[axis];
        ia += at * a_strides[axis];
        ib += at * b_strides[axis];
      }
      const auto run = [&]<class T>(T) {
        choose_typed(condition + ic, condition_strides[last], reinterpret_cast<const T*>(a) + ia, a_strides[last],
                     reinterpret_cast<const T*>(b) + ib, b_strides[last], reinterpret_cast<T*>(dst) + r * width, width);
      };
      switch (size) {
        case 1:
          run(std::uint8_t{});
          break;
        case 2:
          run(std::uint16_t{});
          break;
        case 4:
          run(std::uint32_t{});
          break;
        default:
          run(std::uint64_t{});
          break;
      }
    }
  });
}

void binary(Binary op, const BFloat16* a, const BFloat16* b, BFloat16* dst, const Broadcast& shape) noexcept {
  parallel_for(shape.count, kGrain, [&](int64_t begin, int64_t end) {
    alignas(64) float x[kPiece], y[kPiece];
    for (int64_t first = begin; first < end; first += kPiece) {
      const int64_t last = std::min(end, first + kPiece);
      walk(shape, first, last, [&](int64_t ia, int64_t ib, int64_t id, int64_t n, int64_t sa, int64_t sb) {
        widen_piece(a + ia, sa, x + (id - first), n);
        widen_piece(b + ib, sb, y + (id - first), n);
      });
      binary_row(op, x, y, x, last - first, 1, 1);
      narrow_row(x, dst + first, last - first);
    }
  });
}

void unary(Unary op, const BFloat16* src, BFloat16* dst, int64_t count) noexcept {
  in_fp32(src, dst, count, [op](float* x, int64_t n) { unary_run(op, x, x, n); });
}

void unary(Unary op, const float* src, float* dst, int64_t count) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { unary_run(op, src + begin, dst + begin, end - begin); });
}

void cut_line(const BFloat16* src, BFloat16* dst, int64_t count, const CutLine& line) noexcept {
  in_fp32(src, dst, count, [&line](float* x, int64_t n) { cut_run(line, x, x, n); });
}

void cut_line(const float* src, float* dst, int64_t count, const CutLine& line) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { cut_run(line, src + begin, dst + begin, end - begin); });
}

bool convert(DType from, const std::byte* src, DType to, std::byte* dst, int64_t count) noexcept {
  switch (from) {
    case DType::Float:
      return to != DType::Float && to != DType::Bool ? false : convert_from<float>(src, to, dst, count);
    case DType::Int32:
      return convert_from<std::int32_t>(src, to, dst, count);
    case DType::Int64:
      return convert_from<int64_t>(src, to, dst, count);
    case DType::UInt8:
      return convert_from<std::uint8_t>(src, to, dst, count);
    case DType::Int8:
      return convert_from<std::int8_t>(src, to, dst, count);
    case DType::Bool:
      return convert_from<bool>(src, to, dst, count);
    default:
      return false;
  }
}

}  // namespace inc::kernels
