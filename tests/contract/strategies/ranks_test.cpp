// Every strategy of the registry, searched by 1, 2 and 3 ranks: the same history, with trials side by side where the next
// points do not hang on the outcome.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "core/base/rng.h"
#include "core/search/shared.h"
#include "strategies/registry.h"
#include "tests/support/threads_as_ranks.h"

namespace inc::strategies {
namespace {

using search::History;
using search::Observation;
using search::Point;
using search::SearchSpace;

constexpr std::uint64_t kSeed = 9527;
constexpr std::size_t kOperators = 12, kTrials = 40;

/// Three options each; what each operator loses, and noise that depends on the trial's number.
struct Task {
  explicit Task(double most) : allowed(most) {
    Rng rng(3);
    for (std::size_t i = 0; i < kOperators; ++i) {
      space.dims.push_back({"op" + std::to_string(i), i % 2 == 0 ? "MatMul" : "Conv", {"int8", "int8:sym", "fp32"}});
      loss.push_back(std::pow(10.0, -3 + 2 * rng.uniform()));
    }
  }
  double loss_of(std::size_t dim, std::size_t option) const { return option == 2 ? 0 : loss[dim] * (option == 1 ? 0.9 : 1); }
  Observation evaluate(const Point& point, std::size_t trial) const {
    Observation seen;
    std::uint64_t mixed = trial;
    for (std::size_t i = 0; i < point.size(); ++i) {
      seen.loss += loss_of(i, point[i]);
      seen.cost += point[i] == 2 ? 1 : 0.3;
      mixed = mixed * 31 + point[i];
    }
    Rng noise(mixed);
    seen.loss += 0.001 * noise.uniform();
    seen.divergence = seen.loss;
    seen.full_evaluations = 0.3 + 0.7 * noise.uniform();
    seen.accuracy = 0.9 - seen.loss;
    seen.met = seen.loss <= allowed;
    if (noise.below(8) == 0) {
      seen.state = search::TrialState::Failed;
      seen.why_failed = "overflow " + std::to_string(trial);
    }
    return seen;
  }
  search::Sensitivity sensitivity() const {
    search::Sensitivity out;
    for (std::size_t i = 0; i < kOperators; ++i) out.output.push_back({loss_of(i, 0), loss_of(i, 1), 0});
    out.own = out.output;
    return out;
  }
  double allowed;
  SearchSpace space;
  std::vector<double> loss;
};

struct Effort {
  search::Outcome outcome;
  std::atomic<std::size_t> alone = 0, together = 0;
};

void search_by(int size, const std::string& name, const Task& task, double timeout, Effort& run) {
  const auto body = [&](const Ranks& ranks) {
    search::Part mine;
    mine.together.evaluate = [&](const Point& point, std::size_t trial) {
      if (ranks.first()) ++run.together;
      return task.evaluate(point, trial);
    };
    mine.together.sensitivity = [&] { return task.sensitivity(); };
    mine.alone = [&](const Point& point, std::size_t trial) {
      ++run.alone;
      return task.evaluate(point, trial);
    };
    if (!ranks.first()) return search::follow(ranks, mine);
    const auto strategy = make(name, task.space, {kSeed, {}, task.allowed});
    run.outcome = search::tune(*strategy, search::shared(ranks, mine), {.max_trials = kTrials, .timeout_seconds = timeout});
    search::dismiss(ranks);
  };
  for (const auto& thrown : inc::testing::ThreadRanks(size).run(body)) EXPECT_FALSE(thrown);
}

class Searched : public ::testing::TestWithParam<std::string> {};

TEST_P(Searched, BySeveralRanksEndsAsByOne) {
  for (const double allowed : {0.0, 0.02, 0.2})
    for (const double timeout : {0.0, 1e6}) {
      const Task task(allowed);
      Effort one;
      search_by(1, GetParam(), task, timeout, one);
      for (const int size : {2, 3}) {
        SCOPED_TRACE(::testing::Message() << allowed << " allowed, timeout " << timeout << ", " << size << " ranks");
        Effort several;
        search_by(size, GetParam(), task, timeout, several);
        EXPECT_EQ(several.outcome.stopped, one.outcome.stopped);
        const auto a = several.outcome.history.all(), b = one.outcome.history.all();
        ASSERT_EQ(a.size(), b.size());
        for (std::size_t i = 0; i < a.size(); ++i) {
          EXPECT_EQ(a[i].point, b[i].point);
          EXPECT_EQ(a[i].loss, b[i].loss);
          EXPECT_EQ(a[i].why_failed, b[i].why_failed);
        }
        const std::size_t measured = several.alone + several.together;
        EXPECT_LE(measured, a.size() + a.size() / 4 + 2 * static_cast<std::size_t>(size)) << "little in vain";
      }
    }
}

TEST_P(Searched, SideBySideWhereNothingHangsOnTheOutcome) {
  const Task task(0);
  Effort run;
  search_by(2, GetParam(), task, 0, run);
  const std::string name = GetParam();
  if (name == "random" || name == "exhaustive" || name == "mse") {
    EXPECT_GE(run.alone + 4, run.outcome.history.size());
  } else if (name == "basic" || name == "tpe" || name == "bayesian") {
    EXPECT_GE(run.alone, 8u);
  }
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& row : registry()) all.emplace_back(row.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Registry, Searched, ::testing::ValuesIn(names()), [](const auto& row) { return row.param; });

}  // namespace
}  // namespace inc::strategies
