#include "core/quant/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace inc::quant {
namespace {

constexpr float kRoundToEven = 12582912.0f;  // 1.5 · 2^23: adding it rounds |x| ≤ 2^22 to an integer, ties to even
constexpr std::int64_t kGrain = 1 << 16;

template <class Q>
inline Q quantized(float x, float scale, std::int32_t zero, float low, float high) noexcept {
  float v = x / scale;
  v = v == v ? v : 0.0f;
  v = v < low ? low : v;
  v = v > high ? high : v;
  return static_cast<Q>(static_cast<std::int32_t>((v + kRoundToEven) - kRoundToEven) + zero);
}

/// One element of each channel.
template <class Q>
void quantize_row(const float* x, Q* q, std::int64_t count, const float* scale, const std::int32_t* zero) noexcept {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const auto low = static_cast<float>(std::numeric_limits<Q>::min() - zero[i]);
    const auto high = static_cast<float>(std::numeric_limits<Q>::max() - zero[i]);
    q[i] = quantized<Q>(x[i], scale[i], zero[i], low, high);
  }
}

template <class Q>
void quantize_run(const float* x, Q* q, std::int64_t count, float scale, std::int32_t zero) noexcept {
  if constexpr (sizeof(Q) <= 2) {
    const auto low = static_cast<float>(std::numeric_limits<Q>::min() - zero);
    const auto high = static_cast<float>(std::numeric_limits<Q>::max() - zero);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) q[i] = quantized<Q>(x[i], scale, zero, low, high);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const double v = std::nearbyint(static_cast<double>(x[i]) / static_cast<double>(scale)) + zero;
      q[i] = std::isnan(v) ? static_cast<Q>(zero)
                           : static_cast<Q>(std::clamp(v, static_cast<double>(std::numeric_limits<Q>::min()),
                                                       static_cast<double>(std::numeric_limits<Q>::max())));
    }
  }
}

template <class Q>
void dequantize_run(const Q* q, float* x, std::int64_t count, float scale, std::int32_t zero) noexcept {
  using Wide = std::conditional_t<sizeof(Q) <= 2, std::int32_t, std::int64_t>;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(static_cast<Wide>(q[i]) - zero) * scale;
}

/// Calls run(offset, count, channel) for stretches of one channel.
template <class Run>
void by_channel(const ir::Tensor& tensor, const QParams& qparams, Run&& run) {
  INC_CHECK(!qparams.scale.empty() && qparams.scale.size() == qparams.zero_point.size(), "one zero point per scale");
  if (qparams.axis < 0) {
    parallel_for(tensor.count(), kGrain,
                 [&](std::int64_t begin, std::int64_t end) { run(begin, end - begin, std::size_t{0}); });
    return;
  }
  const auto axis = static_cast<std::size_t>(qparams.axis);
  INC_CHECK(axis < tensor.shape().size() && tensor.shape()[axis] == static_cast<std::int64_t>(qparams.scale.size()),
            "one scale per channel");
  const std::int64_t channels = tensor.shape()[axis];
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < tensor.shape().size(); ++i) inner *= tensor.shape()[i];
  if (tensor.count() == 0) return;
  parallel_for(tensor.count() / inner, std::max<std::int64_t>(1, kGrain / inner), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) run(row * inner, inner, static_cast<std::size_t>(row % channels));
  });
}

bool has_channels_innermost(const ir::Tensor& tensor, const QParams& qparams) {
  const ir::Shape& shape = tensor.shape();
  return tensor.count() > 0 && qparams.axis >= 0 && qparams.axis + 1 == static_cast<int>(shape.size()) &&
         shape.back() == static_cast<std::int64_t>(qparams.scale.size()) &&
         qparams.zero_point.size() == qparams.scale.size();
}

template <class Fn>
void visit_quantized(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::Int8:
      return fn(std::int8_t{});
    case DType::UInt8:
      return fn(std::uint8_t{});
    case DType::Int16:
      return fn(std::int16_t{});
    case DType::UInt16:
      return fn(std::uint16_t{});
    case DType::Int32:
      return fn(std::int32_t{});
    default:
      throw ModelError(
          fmt::format("quantized type: {} found, an integer of 8, 16 or 32 bits expected", inc::name_of(dtype)));
  }
}

}  // namespace

ir::Tensor quantize(const ir::Tensor& x, const QParams& qparams) {
  ir::Tensor out(qparams.dtype, x.shape());
  const float* src = x.data<float>();
  visit_quantized(qparams.dtype, [&](auto tag) {
    auto* dst = out.mutable_data<decltype(tag)>();
    using Q = decltype(tag);
    if constexpr (sizeof(Q) <= 2) {
      if (has_channels_innermost(x, qparams)) {
        const auto channels = static_cast<std::int64_t>(qparams.scale.size());
        parallel_for(x.count() / channels, std::max<std::int64_t>(1, kGrain / channels),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t row = begin; row < end; ++row)
                         quantize_row(src + row * channels, dst + row * channels, channels, qparams.scale.data(),
                                      qparams.zero_point.data());
                     });
        return;
      }
    }
    by_channel(x, qparams, [&](std::int64_t offset, std::int64_t count, std::size_t c) {
      quantize_run(src + offset, dst + offset, count, qparams.scale[c], qparams.zero_point[c]);
    });
  });
  return out;
}

ir::Tensor dequantize(const ir::Tensor& q, const QParams& qparams) {
  INC_CHECK(q.dtype() == qparams.dtype, "quantized tensor and qparams have one type");
  ir::Tensor out(DType::Float, q.shape());
  float* dst = out.mutable_data<float>();
  visit_quantized(q.dtype(), [&](auto tag) {
    const auto* src = q.data<decltype(tag)>();
    by_channel(q, qparams, [&](std::int64_t offset, std::int64_t count, std::size_t c) {
      dequantize_run(src + offset, dst + offset, count, qparams.scale[c], qparams.zero_point[c]);
    });
  });
  return out;
}

}  // namespace inc::quant
