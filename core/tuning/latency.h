#pragma once
// Latency by alternating measurement: the executables take turns (A B A B …), so that drift hits all alike. A turn ends with
// the run that counts; short runs come before it until they have filled the caches that the other executable left behind, so
// that what is told is what a program sees that runs one model again and again.
#include <span>
#include <vector>

#include "core/runtime/adaptor.h"

namespace inc::tuning {

struct LatencyOptions {
  int warmup = 2;
  int rounds = 15;       ///< at most
  double seconds = 0.3;  ///< for all executables together
  int least = 3;         ///< rounds in any case
};

/// Milliseconds of every round per executable, in order of execution.
std::vector<std::vector<double>> measure_latency(std::span<const runtime::Executable* const> executables,
                                                 std::span<const ir::Tensor> inputs, const LatencyOptions& options = {});
/// The share of duels that `ours` wins: in each the quickest of so many rounds counts, of one executable and of the other.
/// What disturbs a run only ever adds to it. As many rounds of both, at least `rounds_of_duel`.
double won(std::span<const double> ours, std::span<const double> theirs, std::size_t rounds_of_duel);
/// The value below which the share `p` (0..1) of the sorted samples lies, linearly interpolated.
double percentile(std::vector<double> samples, double p);

}  // namespace inc::tuning
