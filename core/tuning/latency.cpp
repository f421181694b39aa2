#include "core/tuning/latency.h"

#include <algorithm>
#include <cmath>

#include "core/base/stopwatch.h"

namespace inc::tuning {
namespace {

/// Behind another executable runs get faster up to the fifth (mobilenet_v1_0.25: 0.83, 0.69, 0.65, 0.62, 0.60, 0.60 ms), or
/// until so many milliseconds are over; ds_cnn_l with its first convolution in FP32 takes a fifth longer in the first.
constexpr int kRunsOfTurn = 5;
constexpr double kWarm = 8;

double run_once(const runtime::Executable& executable, std::span<const ir::Tensor> inputs) {
  const Stopwatch watch;
  executable.run(inputs);
  return 1e3 * watch.seconds();
}

double take_turn(const runtime::Executable& executable, std::span<const ir::Tensor> inputs) {
  double all = 0, last = 0;
  for (int i = 0; i < kRunsOfTurn && all < kWarm; ++i) all += last = run_once(executable, inputs);
  return last;
}

}  // namespace

std::vector<std::vector<double>> measure_latency(std::span<const runtime::Executable* const> executables,
                                                 std::span<const ir::Tensor> inputs, const LatencyOptions& options) {
  for (int i = 0; i < options.warmup; ++i)
    for (const auto* executable : executables) executable->run(inputs);
  std::vector<std::vector<double>> times(executables.size());
  const Stopwatch watch;
  for (int round = 0; round < options.rounds; ++round) {
    const double elapsed = watch.seconds();
    if (round >= options.least && elapsed > options.seconds) break;
    for (std::size_t i = 0; i < executables.size(); ++i) times[i].push_back(take_turn(*executables[i], inputs));
  }
  return times;
}

double won(std::span<const double> ours, std::span<const double> theirs, std::size_t rounds_of_duel) {
  const auto quickest = [&](std::span<const double> times, std::size_t duel) {
    const auto rounds = times.subspan(duel * rounds_of_duel, rounds_of_duel);
    return *std::min_element(rounds.begin(), rounds.end());
  };
  const std::size_t duels = ours.size() / rounds_of_duel;
  double count = 0;
  for (std::size_t i = 0; i < duels; ++i) count += quickest(ours, i) < quickest(theirs, i) ? 1 : 0;
  return count / static_cast<double>(duels);
}

double percentile(std::vector<double> samples, double p) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const double position = p * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, samples.size() - 1);
  const double share = position - static_cast<double>(below);
  return samples[below] * (1 - share) + samples[above] * share;
}

}  // namespace inc::tuning
