#pragma once
// What the machine can still give, and memory for large things.
#include <cstddef>
#include <memory>

namespace inc {

/// Throws BackendError "out of memory: …" where `bytes` at once are more than the machine has left, or its control group may
/// have at all. Linux lends such memory all the same, and ends the process when it is written to.
void expect_memory(std::size_t bytes);

constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Of storage for `bytes`: at least 64, and a multiple of that.
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + (bytes == 0) + 63) / 64 * 64;
}

struct Release {
  std::size_t mapped = 0;  ///< bytes; 0: from the heap
  void operator()(std::byte* storage) const noexcept;
};
using Storage = std::unique_ptr<std::byte, Release>;

/// These are aligned to 64, uninitialized, and throw BackendError where there is no memory.
/// For what comes and goes: the next one may have the same pages.
Storage heap(std::size_t bytes);
/// For what stays: from 2 MiB on in huge pages, where the machine lends them. VGG-19 in INT8 takes 1 to 2 % less time on one
/// core of a Zen 4, and is packed in 0.6 of the time.
Storage storage(std::size_t bytes);
/// In ordinary pages of its own, for what is wanted for a moment: it leaves no hole in the heap (BERT-base in INT8: 90 MB).
Storage pages(std::size_t bytes);
/// Of which only the pages that are touched take memory.
Storage reserve(std::size_t bytes);

}  // namespace inc
