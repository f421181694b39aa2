#include "kernels/integer/pairs.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

namespace inc::kernels {
namespace {

using std::int64_t;

constexpr int kMost = 128;  // 128 × 255 fits int16, and so does -128 × 255
constexpr int kTries = 48;
constexpr int64_t kNear = 192;  // partners are sought among so many, whose data for a tile stay in the first-level cache
constexpr int64_t kNeighbours = kBytesOfFour / 2;

/// What the neighbours of a four add up to: positive weights, then negative ones.
struct Reach {
  std::int16_t sums[2 * kNeighbours];
  std::int16_t largest;

  explicit Reach(const std::int8_t* four) {
    std::int16_t both[kNeighbours];
    std::memcpy(both, four, sizeof both);
    for (int64_t i = 0; i < kNeighbours; ++i) {
      const auto a = static_cast<std::int16_t>(static_cast<std::int16_t>(both[i] << 8) >> 8);
      const auto b = static_cast<std::int16_t>(both[i] >> 8);
      const auto high = static_cast<std::int16_t>((a > 0 ? a : 0) + (b > 0 ? b : 0));
      sums[i] = high;
      sums[kNeighbours + i] = static_cast<std::int16_t>(high - a - b);
    }
    std::int16_t worst = 0;
    for (int64_t i = 0; i < 2 * kNeighbours; ++i) worst = sums[i] > worst ? sums[i] : worst;
    largest = worst;
  }

  bool fits(const Reach& other) const {
    std::int16_t worst = 0;
    for (int64_t i = 0; i < 2 * kNeighbours; ++i) {
      const auto sum = static_cast<std::int16_t>(sums[i] + other.sums[i]);
      worst = sum > worst ? sum : worst;
    }
    return worst <= kMost;
  }
};

/// A four, whole or half, and which it was.
struct Four {
  std::int8_t weights[kBytesOfFour];
  std::int32_t index;
  Reach reach;

  Four(const std::int8_t* from, int64_t at) : index(static_cast<std::int32_t>(at)), reach(from) {
    std::memcpy(weights, from, kBytesOfFour);
  }
};

std::vector<Four> with_halves(const std::int8_t* fours, int64_t count) {
  std::vector<Four> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i, fours += kBytesOfFour) {
    out.emplace_back(fours, i);
    if (out.back().reach.largest <= kMost) continue;
    std::int8_t half[kBytesOfFour], rest[kBytesOfFour];
    for (int64_t k = 0; k < kBytesOfFour; ++k) {
      half[k] = static_cast<std::int8_t>(fours[k] / 2);
      rest[k] = static_cast<std::int8_t>(fours[k] - half[k]);
    }
    out.back() = Four(half, i);
    out.emplace_back(rest, i);
  }
  return out;
}

/// Of the fours from first to last.
void match(const std::vector<Four>& fours, int64_t first, int64_t last, std::vector<std::int32_t>& order,
           std::vector<std::int32_t>& alone) {
  const auto count = static_cast<std::size_t>(last - first);
  const Four* const all = fours.data() + first;
  std::vector<std::size_t> left(count), partner(count, count);
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::stable_sort(left.begin(), left.end(), [&](auto a, auto b) { return all[a].reach.largest > all[b].reach.largest; });
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t a = left[i];
    int tries = 0;
    for (std::size_t j = i + 1; j < count && partner[a] == count && tries < kTries; ++j) {
      const std::size_t b = left[j];
      if (partner[b] != count) continue;
      ++tries;
      if (all[a].reach.fits(all[b].reach)) partner[a] = b, partner[b] = a;
    }
  }
  const auto index = [&](std::size_t i) { return static_cast<std::int32_t>(first) + static_cast<std::int32_t>(i); };
  for (std::size_t i = 0; i < count; ++i)
    if (partner[i] == count)
      alone.push_back(index(i));
    else if (partner[i] > i)
      order.push_back(index(i)), order.push_back(index(partner[i]));
}

}  // namespace

int64_t count_fours(const std::int8_t* fours, int64_t count) noexcept {
  int64_t all = count;
  for (int64_t i = 0; i < count; ++i) all += Reach(fours + i * kBytesOfFour).largest > kMost ? 1 : 0;
  return all;
}

void pack_pairs(const std::int8_t* given, int64_t count, int64_t room, std::byte* to) {
  const std::vector<Four> fours = with_halves(given, count);
  const auto all = static_cast<int64_t>(fours.size()), parts = (all + kNear - 1) / kNear;
  std::vector<std::int32_t> order, alone;
  for (int64_t part = 0; part < parts; ++part) match(fours, all * part / parts, all * (part + 1) / parts, order, alone);
  const auto number = [](std::size_t n) { return static_cast<std::int32_t>(n); };
  const std::int32_t head[kOrder] = {number(order.size() / 2), number(alone.size()), 0, 0};
  std::memcpy(to, head, sizeof head);
  order.insert(order.end(), alone.begin(), alone.end());
  std::byte *index = to + sizeof head, *weights = to + head_bytes(room);
  for (const std::int32_t i : order) {
    const Four& four = fours[static_cast<std::size_t>(i)];
    std::memcpy(index, &four.index, 4), index += 4;
    std::memcpy(weights, four.weights, kBytesOfFour), weights += kBytesOfFour;
  }
}

}  // namespace inc::kernels
