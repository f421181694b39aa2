#include "core/base/hash.h"

#include <fmt/format.h>

#include <cstring>

namespace inc {

Hash64& Hash64::add_bulk(const void* data, std::size_t bytes) noexcept {
  return *this = BulkHash(*this).add(data, bytes).done();
}

BulkHash::BulkHash(Hash64 before) noexcept
    : before_(before), lanes_{before.value(), before.value() + 1, before.value() + 2, before.value() + 3} {}

BulkHash& BulkHash::add(const void* data, std::size_t bytes) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  const std::size_t whole = bytes / kBlock * kBlock;
  auto lanes = lanes_;
  for (std::size_t i = 0; i < whole; i += kBlock) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), p + i, kBlock);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t mixed = (lanes[lane] ^ words[lane]) * 0x9e3779b97f4a7c15ull;
      lanes[lane] = mixed ^ (mixed >> 29);
    }
  }
  lanes_ = lanes;
  if (whole < bytes) std::memcpy(rest_.data(), p + whole, bytes - whole);
  bytes_ += bytes;
  return *this;
}

Hash64 BulkHash::done() const noexcept {
  Hash64 hash = before_;
  for (const std::uint64_t lane : lanes_) hash.add_int(lane);
  return hash.add(rest_.data(), bytes_ % kBlock).add_int(bytes_);
}

std::string Hash64::hex() const {
  return fmt::format("{:016x}", value_);
}

}  // namespace inc
