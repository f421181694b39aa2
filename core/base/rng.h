#pragma once
// Portable random sequences: the same seed gives the same numbers with every compiler and library.
// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
#include <cstdint>
#include <utility>
#include <vector>

namespace inc {

class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : state_(seed * 0x9e3779b97f4a7c15ull + stream * 0xd1342543de82ef95ull + 0x632be59bd9b4e019ull) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, n); n > 0. Unbiased (Lemire's multiplication with rejection).
  std::uint64_t below(std::uint64_t n) noexcept {
    __extension__ using Wide = unsigned __int128;
    for (;;) {
      const auto wide = static_cast<Wide>(next()) * n;
      if (static_cast<std::uint64_t>(wide) >= (0 - n) % n) return static_cast<std::uint64_t>(wide >> 64);
    }
  }
  /// Uniform in [0, 1) with 53 random bits.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) noexcept {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace inc
