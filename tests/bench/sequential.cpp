// Simulated decisions of core/eval/sequential.h as the Markdown table of docs/search.md.
//   bench_sequential [decisions [alpha]]
#include "core/eval/sequential.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/rng.h"

namespace {

using namespace inc;
using eval::Verdict;

constexpr std::int64_t kBatch = 25;
constexpr double kEffects[] = {0, -0.5, 0.5, -1, 1, -2, 2, -3, 3, -5, 5, -7, 7, -10, 10};

struct Population {
  std::vector<double> fp32, candidate;
};

double normal(Rng& random) {
  return std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * std::acos(-1.0) * random.uniform());
}

/// 75 % right in FP32; 6 % of the samples become wrong or right.
Population right_or_wrong(std::size_t size) {
  Population made;
  const std::size_t worse = size * 35 / 1000, better = size * 25 / 1000;
  for (std::size_t i = 0; i < size; ++i) {
    const bool right = i < size * 3 / 4;
    made.fp32.push_back(right ? 1 : 0);
    made.candidate.push_back(right ? (i < worse ? 0 : 1) : (size - 1 - i < better ? 1 : 0));
  }
  return made;
}

/// Losses of a language model: differences are skewed, and larger where the loss is.
Population losses(std::size_t size) {
  Population made;
  Rng random(7);
  for (std::size_t i = 0; i < size; ++i) {
    const double loss = std::exp(0.3 * normal(random));
    made.fp32.push_back(loss);
    made.candidate.push_back(loss + 0.02 * loss * (std::exp(0.7 * normal(random)) - 1));
  }
  return made;
}

struct Found {
  double met = 0, missed = 0, share = 0;
};

Found simulate(const Population& all, bool right_or_wrong, double effect, double alpha, std::int64_t decisions) {
  const std::size_t size = all.fp32.size();
  double sum = 0, square = 0, fp32 = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double d = all.candidate[i] - all.fp32[i];
    sum += d;
    square += d * d;
    fp32 += all.fp32[i];
  }
  const auto count = static_cast<double>(size);
  const double error = std::sqrt((square / count - sum / count * sum / count) / count);
  const double worse = right_or_wrong ? 1 : -1;
  eval::SequentialSetup setup;
  setup.target = (fp32 + sum) / count + worse * effect * error;
  setup.higher_is_better = right_or_wrong;
  setup.low = 0;
  if (right_or_wrong) setup.high = 1;
  setup.tight = right_or_wrong;
  setup.alpha = alpha;
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Found found;
  for (std::int64_t decision = 0; decision < decisions; ++decision) {
    Rng(11, static_cast<std::uint64_t>(decision)).shuffle(order);
    setup.fp32.clear();
    std::vector<double> scores;
    for (const std::size_t i : order) {
      setup.fp32.push_back(all.fp32[i]);
      scores.push_back(all.candidate[i]);
    }
    eval::SequentialTest test(setup);
    for (std::size_t first = 0; first < size && test.verdict() == Verdict::Undecided; first += kBatch)
      test.add(std::span(scores).subspan(first, std::min<std::size_t>(kBatch, size - first)));
    const double share = static_cast<double>(test.seen()) / count;
    found.met += test.verdict() == Verdict::Met;
    found.missed += test.verdict() == Verdict::Missed;
    found.share += share;
  }
  for (double* value : {&found.met, &found.missed, &found.share}) *value /= static_cast<double>(decisions);
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t decisions = argc > 1 ? std::atoll(argv[1]) : 10000;
  const double alpha = argc > 2 ? std::atof(argv[2]) : 0.01;
  fmt::print("{} decisions each, error probability {}: decided wrongly, samples seen\n\n", decisions, alpha);
  fmt::print("| scores | target | 500 samples | 2000 | 10000 |\n|---|---|---|---|---|\n");
  for (const bool binary : {true, false})
    for (const double effect : kEffects) {
      const std::string target =
          effect == 0 ? "just met" : fmt::format("{} by {:g} SE", effect < 0 ? "met" : "missed", std::abs(effect));
      fmt::print("| {} | {} |", binary ? "right or wrong" : "losses", target);
      for (const std::size_t size : {500, 2000, 10000}) {
        const Found found = simulate(binary ? right_or_wrong(size) : losses(size), binary, effect, alpha, decisions);
        fmt::print(" {:.2f} %, {:.1f} % |", 100 * (effect > 0 ? found.met : found.missed), 100 * found.share);
      }
      fmt::print("\n");
      std::fflush(stdout);
    }
}
