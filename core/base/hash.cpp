#include "core/base/hash.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace inc {

Hash64& Hash64::add_bulk(const void* data, std::size_t bytes) noexcept {
  constexpr std::size_t kLanes = 4, kBlock = kLanes * sizeof(std::uint64_t);
  std::array<std::uint64_t, kLanes> lanes{value_, value_ + 1, value_ + 2, value_ + 3};
  const auto* p = static_cast<const unsigned char*>(data);
  const std::size_t whole = bytes / kBlock * kBlock;
  for (std::size_t i = 0; i < whole; i += kBlock) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), p + i, kBlock);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t mixed = (lanes[lane] ^ words[lane]) * 0x9e3779b97f4a7c15ull;
      lanes[lane] = mixed ^ (mixed >> 29);
    }
  }
  for (const std::uint64_t lane : lanes) add_int(lane);
  return add(p + whole, bytes - whole).add_int(bytes);
}

std::string Hash64::hex() const {
  return fmt::format("{:016x}", value_);
}

}  // namespace inc
