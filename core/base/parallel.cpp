#include "core/base/parallel.h"

#include <omp.h>

#include <algorithm>

namespace inc {

void set_threads(int count) {
  static const int usual = omp_get_max_threads();
  omp_set_num_threads(count > 0 ? count : usual);
}
int threads() noexcept { return omp_get_max_threads(); }

void parallel_for(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  const std::int64_t wanted = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int team = static_cast<int>(std::min<std::int64_t>(wanted, threads()));
  if (team <= 1 || omp_in_parallel()) return body(0, count);
#pragma omp parallel num_threads(team)
  {
    const std::int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
    const std::int64_t begin = count * i / n, end = count * (i + 1) / n;
    if (begin < end) body(begin, end);
  }
}

}  // namespace inc
