#pragma once
// OpenMP, one runtime shared with oneDNN. Results never depend on the number of threads: work is split by index only.
#include <cstdint>
#include <functional>

namespace inc {

/// Threads for everything after this call; 0 means as many as OMP_NUM_THREADS says, all cores without it.
void set_threads(int count);
int threads() noexcept;

/// Calls body(begin, end) over disjoint ranges that cover [0, count). `grain`: least indices worth a thread of its own.
/// body must not throw.
void parallel_for(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace inc
