#include "core/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace inc {

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer sees what std::thread synchronizes, and nothing of what OpenMP's runtime does: the library keeps to one
// thread (OMP_NUM_THREADS=1), and our own loops have teams of two unless told otherwise.
namespace {

thread_local int g_threads = 0;
thread_local bool g_in_team = false;

bool in_team() noexcept {
  return g_in_team;
}

template <class Part>
void run_team(int team, const Part& part) {
  std::vector<std::thread> others;
  for (int i = 1; i < team; ++i)
    others.emplace_back([&part, i, team] {
      g_in_team = true;
      part(i, team);
    });
  g_in_team = true;
  part(0, team);
  g_in_team = false;
  for (std::thread& other : others) other.join();
}

}  // namespace

void set_threads(int count) {
  g_threads = count;
}
int threads() noexcept {
  return g_threads > 0 ? g_threads : 2;
}

#else
namespace {

bool in_team() noexcept {
  return omp_in_parallel() != 0;
}

template <class Part>
void run_team(int team, const Part& part) {
#pragma omp parallel num_threads(team)
  part(omp_get_thread_num(), omp_get_num_threads());
}

}  // namespace

void set_threads(int count) {
  static const int usual = omp_get_max_threads();
  omp_set_num_threads(count > 0 ? count : usual);
}
int threads() noexcept {
  return omp_get_max_threads();
}
#endif

void parallel_for(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  const std::int64_t wanted = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int team = static_cast<int>(std::min<std::int64_t>(wanted, threads()));
  if (team <= 1 || in_team()) return body(0, count);
  run_team(team, [&](std::int64_t i, std::int64_t n) {
    const std::int64_t begin = count * i / n, end = count * (i + 1) / n;
    if (begin < end) body(begin, end);
  });
}

}  // namespace inc
