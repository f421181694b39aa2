#pragma once
// Which fours of a panel's weights are multiplied together, for kernels that have 8-bit products but no VNNI.
//
// There a four is vpmaddubsw, which adds two neighbouring products in int16, vpmaddwd by ones and vpaddd. What neighbours
// add up to lies within 255 times their positive weights and 255 times their negative ones. Where those of two fours stay
// within 128 together, in every channel of the panel, their int16 are added first and one vpmaddwd serves both: three
// multiplications for two fours instead of four, and no sum is less exact. The order of a sum is free, so that fours find
// their partners anywhere in the panel: the largest first, each takes the largest that fits. Of normally distributed weights
// whose neighbours stay within 128, 16 channels side by side, 6 % find one among 16 fours, 65 % among 32, 95 % among 64, all
// among 144. A four that saturates by itself is multiplied as two halves.
#include <cstddef>
#include <cstdint>

namespace inc::kernels {

constexpr std::int64_t kPairedWidth = 16;                ///< channels of a panel
constexpr std::int64_t kBytesOfFour = 4 * kPairedWidth;  ///< [channel][4]

/// What stands before the weights of a packed panel, whole lines of the cache: how many pairs there are, how many fours
/// without a partner, two zeros, and the order, indices of the given fours: those of pairs side by side, then the others.
constexpr std::int64_t head_bytes(std::int64_t fours) {
  return (4 + fours + 15) / 16 * 64;
}
constexpr std::int64_t kOrder = 4;  ///< numbers before it

/// How many there are with halves.
std::int64_t count_fours(const std::int8_t* fours, std::int64_t count) noexcept;
/// Writes a head and the weights in its order, with room for `room` fours, at least count_fours().
void pack_pairs(const std::int8_t* fours, std::int64_t count, std::int64_t room, std::byte* to);

}  // namespace inc::kernels
