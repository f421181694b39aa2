#include "core/base/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace inc {
namespace {

constexpr std::size_t kWorthAsking = std::size_t{1} << 28;

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

}  // namespace

void expect_memory(std::size_t bytes) {
  if (bytes < kWorthAsking) return;
  const std::size_t most = std::min(left_on_machine(), most_in_group());
  if (bytes > most) throw BackendError(fmt::format("out of memory: {} bytes wanted, {} there", bytes, most));
}

}  // namespace inc
