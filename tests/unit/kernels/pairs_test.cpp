// Pairs of fours: nothing is lost, nothing saturates, and as many find a partner as the header says.
#include "kernels/integer/pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/rng.h"

namespace inc::kernels {
namespace {

using std::int64_t;

struct Packed {
  int64_t pairs, alone;
  std::vector<std::int32_t> order;
  std::vector<std::int8_t> weights;

  const std::int8_t* four(int64_t i) const { return weights.data() + i * kBytesOfFour; }
};

Packed packed(const std::vector<std::int8_t>& fours) {
  const auto count = static_cast<int64_t>(fours.size()) / kBytesOfFour, room = count_fours(fours.data(), count);
  std::vector<std::byte> bytes(static_cast<std::size_t>(head_bytes(room) + room * kBytesOfFour), std::byte{0x5a});
  pack_pairs(fours.data(), count, room, bytes.data());
  const auto* head = reinterpret_cast<const std::int32_t*>(bytes.data());
  Packed p{head[0], head[1], {head + kOrder, head + kOrder + 2 * head[0] + head[1]}, {}};
  EXPECT_EQ(2 * p.pairs + p.alone, room);
  p.weights.resize(static_cast<std::size_t>(room * kBytesOfFour));
  std::memcpy(p.weights.data(), bytes.data() + head_bytes(room), p.weights.size());
  return p;
}

/// The greatest magnitude of what vpmaddubsw, and vpaddw behind it, may have to hold.
int worst(const std::int8_t* a, const std::int8_t* b) {
  int most = 0;
  for (int64_t i = 0; i < kBytesOfFour; i += 2) {
    int high = 0, low = 0;
    for (const std::int8_t* four : {a, b})
      for (int64_t k = 0; k < 2 && four != nullptr; ++k) (four[i + k] > 0 ? high : low) += 255 * four[i + k];
    most = std::max({most, high, -low - 1});
  }
  return most;
}

std::vector<std::int8_t> normal_weights(int64_t count, double deviation, int most, std::uint64_t seed = 3) {
  Rng rng(seed);
  std::vector<std::int8_t> weights;
  for (int64_t i = 0; i < count * kBytesOfFour; ++i) {
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += rng.uniform();
    weights.push_back(static_cast<std::int8_t>(std::clamp(static_cast<int>(std::lrint(deviation * sum)), -most - 1, most)));
  }
  return weights;
}

TEST(Pairs, KeepAllWeightsAndNeverSaturate) {
  for (const int64_t count : {1, 2, 3, 17, 64, 191, 193, 400})
    for (const double deviation : {0.0, 1.0, 10.0, 30.0, 60.0, 500.0}) {
      const auto fours = normal_weights(count, deviation, 127);
      const Packed p = packed(fours);
      std::vector<int> sums(fours.size());
      for (std::size_t i = 0; i < p.order.size(); ++i)
        for (int64_t k = 0; k < kBytesOfFour; ++k)
          sums[static_cast<std::size_t>(p.order[i] * kBytesOfFour + k)] += p.four(static_cast<int64_t>(i))[k];
      EXPECT_TRUE(std::equal(sums.begin(), sums.end(), fours.begin())) << count << " fours, deviation " << deviation;
      for (int64_t i = 0; i < p.pairs; ++i) EXPECT_LE(worst(p.four(2 * i), p.four(2 * i + 1)), 32767);
      for (int64_t i = 0; i < p.alone; ++i) EXPECT_LE(worst(p.four(2 * p.pairs + i), nullptr), 32767);
    }
}

TEST(Pairs, HalveWhatSaturatesByItself) {
  for (const int extreme : {127, -128}) {
    const std::vector<std::int8_t> fours(2 * kBytesOfFour, static_cast<std::int8_t>(extreme));
    const Packed p = packed(fours);
    EXPECT_EQ(p.pairs, 0);
    EXPECT_EQ(p.alone, 4);
  }
  EXPECT_EQ(count_fours(normal_weights(100, 20, 64).data(), 100), 100);
}

TEST(Pairs, FindPartnersForNearlyAll) {
  const auto share = [](int64_t count) {
    return 2.0 * static_cast<double>(packed(normal_weights(count, 30, 63)).pairs) / static_cast<double>(count);
  };
  EXPECT_GT(share(32), 0.5);
  EXPECT_GT(share(64), 0.9);
  EXPECT_GT(share(144), 0.97);
  EXPECT_GT(share(1000), 0.97);
}

TEST(Pairs, StayNearEachOther) {
  const Packed p = packed(normal_weights(1200, 20, 63));
  for (int64_t i = 0; i < p.pairs; ++i)
    EXPECT_LT(std::abs(p.order[static_cast<std::size_t>(2 * i)] - p.order[static_cast<std::size_t>(2 * i + 1)]), 192);
}

}  // namespace
}  // namespace inc::kernels
