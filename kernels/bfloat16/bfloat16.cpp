#include "kernels/bfloat16/bfloat16.h"

#include "core/base/parallel.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void narrow(const float* src, std::uint16_t* dst, int64_t count) noexcept)
INC_KERNEL_DECLARE(void widen(const std::uint16_t* src, float* dst, int64_t count) noexcept)
INC_KERNEL_DECLARE(void round_in_fp32(const float* src, float* dst, int64_t count) noexcept)

namespace {
constexpr int64_t kGrain = 1 << 15;
}

void narrow_row(const float* src, BFloat16* dst, int64_t count) noexcept {
  INC_KERNEL_CALL(narrow, src, reinterpret_cast<std::uint16_t*>(dst), count);
}

void widen_row(const BFloat16* src, float* dst, int64_t count) noexcept {
  INC_KERNEL_CALL(widen, reinterpret_cast<const std::uint16_t*>(src), dst, count);
}

void to_bf16(const float* src, BFloat16* dst, int64_t count) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { narrow_row(src + begin, dst + begin, end - begin); });
}

void to_fp32(const BFloat16* src, float* dst, int64_t count) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { widen_row(src + begin, dst + begin, end - begin); });
}

void round_to_bf16(const float* src, float* dst, int64_t count) noexcept {
  parallel_for(count, kGrain,
               [&](int64_t begin, int64_t end) { INC_KERNEL_CALL(round_in_fp32, src + begin, dst + begin, end - begin); });
}

}  // namespace inc::kernels
