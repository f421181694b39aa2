#pragma once
// The pairs of weights whose u8×s8 products a kernel adds in int16 (vpmaddubsw), as pairs of flat indices.
#include <cstdint>
#include <cstdlib>

#include "core/quant/quantize.h"

namespace inc::quant {

/// 255 · 128 = 32640 fits into int16, 255 · 129 = 32895 does not.
constexpr int kPairLimit = 128;

/// Extents of a weight under a pair order: `outer` blocks, each `k` deep with elements `step` apart and `lanes` such
/// columns side by side; `taps` > 0 only for convolutions, whose k counts input channels.
struct PairExtents {
  std::int64_t outer = 1, k = 1, lanes = 1, taps = 0;
};
PairExtents pair_extents(const ir::Shape& shape, PairOrder order);

/// Calls fn(i, j, lane) for every pair of flat indices of outer block `o`; `lane`: the column, 0 for convolutions. Pairs
/// start at even positions of K, as every engine packs them. Convolutions are walked in three orders: along the input
/// channels of a tap (channels innermost, each tap padded), flattened as stored (I, k…), and flattened channels-last
/// (k…, I); the last two are im2col's.
template <class Fn>
void for_each_pair_in(const PairExtents& e, std::int64_t o, Fn&& fn) {
  const std::int64_t depth = e.taps > 0 ? e.k * e.taps : e.k, base = o * depth * e.lanes;
  if (e.taps == 0) {
    for (std::int64_t k = 0; k + 1 < e.k; k += 2)
      for (std::int64_t lane = 0; lane < e.lanes; ++lane)
        fn(base + k * e.lanes + lane, base + (k + 1) * e.lanes + lane, lane);
    return;
  }
  for (std::int64_t i = 0; i + 1 < e.k; i += 2)
    for (std::int64_t t = 0; t < e.taps; ++t) fn(base + i * e.taps + t, base + (i + 1) * e.taps + t, 0);
  if (e.taps == 1) return;
  for (std::int64_t p = 0; p + 1 < depth; p += 2) fn(base + p, base + p + 1, 0);
  if (e.k % 2 == 0) return;
  const auto channels_last = [&](std::int64_t p) { return base + p % e.k * e.taps + p / e.k; };
  for (std::int64_t p = 0; p + 1 < depth; p += 2) fn(channels_last(p), channels_last(p + 1), 0);
}

/// Calls fn(i, j) for every pair of flat indices.
template <class Fn>
void for_each_pair(const ir::Shape& shape, PairOrder order, Fn&& fn) {
  if (order == PairOrder::None) return;
  const PairExtents e = pair_extents(shape, order);
  for (std::int64_t o = 0; o < e.outer; ++o)
    for_each_pair_in(e, o, [&](std::int64_t i, std::int64_t j, std::int64_t) { fn(i, j); });
}

}  // namespace inc::quant
