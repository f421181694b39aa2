#pragma once
// What 8-bit convolutions of one group take per output channel.
#include <cstdint>
#include <limits>
#include <vector>

namespace inc::kernels {

struct ChannelArrays {
  std::vector<std::int8_t> weights;
  std::vector<float> scale, shift, low, high;

  /// Weights of the full range, channels that saturate, bounds that cut. `some(from, to)`: a random number. `taps`: products
  /// of a sum.
  template <class Some>
  void fill(std::int64_t channels, std::int64_t taps, const Some& some) {
    const float inf = std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < channels * taps; ++i)
      weights.push_back(i % 5 == 0 ? static_cast<std::int8_t>(i % 2 == 0 ? -128 : 127)
                                   : static_cast<std::int8_t>(some(-128, 128)));
    for (std::int64_t c = 0; c < channels; ++c) {
      scale.push_back(c % 7 == 6 ? 0.5f : some(0.0005, 0.01) / static_cast<float>(taps));
      shift.push_back(some(-20, 20));
      low.push_back(c % 3 == 0 ? -inf : c % 3 == 1 ? 0.0f : -17.5f);
      high.push_back(c % 2 == 0 ? inf : 60.3f);
    }
  }
};

}  // namespace inc::kernels
