#include "app/cli/job_mpi.h"

#ifdef INC_MPI
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "app/limits.h"
#include "core/base/parallel.h"
#include "core/base/places.h"
#endif

namespace inc::cli {

#ifndef INC_MPI

std::unique_ptr<const Job> join_mpi() {
  return nullptr;
}

#else

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = std::size_t{1} << 30;  ///< bytes of one message: MPI counts in int
constexpr auto kImpatient = std::chrono::microseconds(100), kLongestNap = std::chrono::microseconds(500);
constexpr auto kGrace = std::chrono::seconds(5);

/// Others may work for minutes before they come to this point: no core is kept busy meanwhile.
void wait(MPI_Request request) {
  const auto start = Clock::now();
  for (int done = 0;;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) return;
    const auto waited = Clock::now() - start;
    if (waited < kImpatient)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::min<Clock::duration>(waited / 8, kLongestNap));
  }
}

void broadcast_from(int root, std::string& bytes) {
  MPI_Request request;
  std::uint64_t size = bytes.size();
  MPI_Ibcast(&size, 1, MPI_UINT64_T, root, MPI_COMM_WORLD, &request);
  wait(request);
  bytes.resize(size);
  for (std::size_t at = 0; at < size; at += kPiece) {
    MPI_Ibcast(bytes.data() + at, static_cast<int>(std::min(kPiece, size - at)), MPI_BYTE, root, MPI_COMM_WORLD, &request);
    wait(request);
  }
}

/// A CPU counts for each of the processes of this machine that may use it.
int fair_threads() {
  MPI_Comm machine;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
  int size = 1;
  MPI_Comm_size(machine, &size);
  cpu_set_t mine;
  CPU_ZERO(&mine);
  ::sched_getaffinity(0, sizeof mine, &mine);
  for (const int cpu : openmp_places()) CPU_SET(cpu, &mine);
  std::vector<cpu_set_t> all(static_cast<std::size_t>(size));
  MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, machine);
  MPI_Comm_free(&machine);
  double share = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &mine))
      share += 1.0 / static_cast<double>(std::count_if(all.begin(), all.end(),
                                                       [&](const cpu_set_t& set) { return CPU_ISSET(cpu, &set) != 0; }));
  const double quota = static_cast<double>(app::cpu_limit().cpus);
  if (quota < CPU_COUNT(&mine)) share = std::min(share, quota / size);
  return std::max(1, static_cast<int>(share + 1e-6));
}

class MpiJob : public Job {
 public:
  MpiJob() {
    int given = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    if (const int fair = fair_threads(); std::getenv("OMP_NUM_THREADS") == nullptr) set_threads(fair);
  }
  ~MpiJob() override {
    MPI_Request request;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    wait(request);
    MPI_Finalize();
  }
  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }

  std::string broadcast(std::string bytes) const override {
    broadcast_from(0, bytes);
    return bytes;
  }

  std::vector<std::string> all_gather(std::string bytes) const override {
    std::vector<std::string> out(static_cast<std::size_t>(size_));
    out[static_cast<std::size_t>(rank_)] = std::move(bytes);
    for (int root = 0; root < size_; ++root) broadcast_from(root, out[static_cast<std::size_t>(root)]);
    return out;
  }

  void wait_for_the_end() const noexcept override { std::this_thread::sleep_for(kGrace); }
  void abort(ExitCode code) const noexcept override { MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code)); }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace

std::unique_ptr<const Job> join_mpi() {
  return std::make_unique<MpiJob>();
}

#endif

}  // namespace inc::cli
