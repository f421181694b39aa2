#include "core/base/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace inc {
namespace {

constexpr std::size_t kWorthAsking = std::size_t{1} << 28;
constexpr std::size_t kPage = 4096;

std::size_t up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

[[noreturn]] void refuse(std::size_t bytes) {
  throw BackendError(fmt::format("out of memory: {} bytes wanted", bytes));
}

/// Bytes free or to be freed, and swap; everything where Linux does not say.
std::size_t left_on_machine() {
  std::ifstream lines("/proc/meminfo");
  std::size_t kilobytes = 0;
  bool known = false;
  for (std::string key, unit; lines >> key;) {
    std::size_t value = 0;
    if (!(lines >> value)) break;
    std::getline(lines, unit);
    if (key != "MemAvailable:" && key != "SwapFree:") continue;
    kilobytes += value;
    known = known || key == "MemAvailable:";
  }
  return known ? kilobytes << 10 : std::numeric_limits<std::size_t>::max();
}

/// A container sees its own group as the root.
std::size_t most_in_group() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::size_t bytes = 0;
  return file >> bytes ? bytes : std::numeric_limits<std::size_t>::max();
}

std::byte* map(std::size_t bytes, int how = 0) {
  void* found = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);
  return found == MAP_FAILED ? nullptr : static_cast<std::byte*>(found);
}

Storage mapped(std::size_t bytes, int how) {
  const std::size_t whole = up(std::max<std::size_t>(bytes, 1), kPage);
  std::byte* found = map(whole, how);
  if (found == nullptr) refuse(bytes);
  return {found, Release{whole}};
}

/// Beginning with a huge page.
std::byte* map_aligned(std::size_t bytes) {
  std::byte* begin = map(bytes + kHugePage);
  if (begin == nullptr) return nullptr;
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = up(at, kHugePage) - at;
  if (before > 0) ::munmap(begin, before);
  if (before < kHugePage) ::munmap(begin + before + bytes, kHugePage - before);
  return begin + before;
}

}  // namespace

void expect_memory(std::size_t bytes) {
  if (bytes < kWorthAsking) return;
  const std::size_t most = std::min(left_on_machine(), most_in_group());
  if (bytes > most) throw BackendError(fmt::format("out of memory: {} bytes wanted, {} there", bytes, most));
}

void Release::operator()(std::byte* storage) const noexcept {
  if (mapped > 0)
    ::munmap(storage, mapped);
  else
    std::free(storage);
}

Storage pages(std::size_t bytes) {
  expect_memory(bytes);
  return mapped(bytes, MAP_POPULATE);
}

Storage reserve(std::size_t bytes) {
  return mapped(bytes, MAP_NORESERVE);
}

Storage heap(std::size_t bytes) {
  expect_memory(bytes);
  auto* found = static_cast<std::byte*>(std::aligned_alloc(64, aligned(bytes)));
  if (found == nullptr) refuse(bytes);
  return {found, Release{}};
}

Storage storage(std::size_t bytes) {
  if (bytes < kHugePage) return heap(bytes);
  expect_memory(bytes);
  const std::size_t whole = up(bytes, kPage);
  std::byte* found = map_aligned(whole);
  if (found == nullptr) refuse(bytes);
  ::madvise(found, whole / kHugePage * kHugePage, MADV_HUGEPAGE);
  return {found, Release{whole}};
}

}  // namespace inc
