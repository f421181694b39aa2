// Every strategy of the registry:
//   proposes points of the space only; ends or goes on without repeating a point; same history, same point; resuming from
//   any prefix of a run gives the rest of that run; takes failed trials; tries the fastest point first; finds the optimum
//   of a separable landscape within the number of trials that its row below states; gives its golden first ten points.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "strategies/belief.h"
#include "strategies/registry.h"

namespace inc::strategies {
namespace {

using search::History;
using search::Observation;
using search::Point;
using search::SearchSpace;
using search::TrialState;

constexpr std::uint64_t kSeed = 9527;

SearchSpace space_of(const std::vector<std::size_t>& options) {
  SearchSpace space;
  for (std::size_t i = 0; i < options.size(); ++i) {
    search::Dimension dim{"op" + std::to_string(i), i % 3 == 0 ? "MatMul" : "Conv", {}};
    for (std::size_t k = 0; k + 1 < options[i]; ++k) dim.options.push_back("int8:" + std::to_string(k));
    dim.options.push_back("fp32");
    space.dims.push_back(std::move(dim));
  }
  return space;
}

/// What a point gives, without a model.
using Landscape = std::function<Observation(const SearchSpace&, const Point&)>;

constexpr double kLosses[] = {0.010, 0.0004, 0.021, 0.0003, 0.0002, 0.006, 0.0001, 0.0011};

double loss_of(const SearchSpace& space, std::size_t dim, std::size_t option) {
  return option + 1 == space.dims[dim].options.size() ? 0 : kLosses[dim % 8] * (1 + 0.1 * static_cast<double>(option));
}

/// Each operator that is not in FP32 costs accuracy of its own and saves one unit of time.
Observation separable(const SearchSpace& space, const Point& point) {
  Observation seen;
  for (std::size_t i = 0; i < point.size(); ++i) {
    seen.loss += loss_of(space, i, point[i]);
    seen.cost += point[i] + 1u == space.dims[i].options.size() ? 1 : 0;
  }
  seen.point = point;
  seen.accuracy = 0.9 - seen.loss;
  seen.met = seen.loss <= 0.009;
  return seen;
}

Observation never_met(const SearchSpace& space, const Point& point) {
  Observation seen = separable(space, point);
  seen.met = false;
  return seen;
}

Observation always_met(const SearchSpace& space, const Point& point) {
  Observation seen = separable(space, point);
  seen.met = true;
  return seen;
}

Observation always_failing(const SearchSpace&, const Point&) {
  Observation seen;
  seen.state = TrialState::Failed;
  seen.why_failed = "overflow";
  return seen;
}

/// Noise decides, and every third point fails.
Observation rough(const SearchSpace& space, const Point& point) {
  std::uint64_t mixed = 7;
  for (const auto index : point) mixed = mixed * 31 + index;
  Rng rng(mixed);
  if (rng.below(3) == 0) return always_failing(space, point);
  Observation seen;
  seen.loss = rng.uniform() - 0.2;
  seen.accuracy = -seen.loss;
  seen.met = seen.loss < 0.1;
  seen.cost = rng.uniform();
  return seen;
}

const std::vector<std::pair<std::string, Landscape>> kLandscapes = {
    {"separable", separable}, {"never met", never_met},           {"always met", always_met},
    {"rough", rough},         {"always failing", always_failing},
};

const std::vector<std::vector<std::size_t>> kSpaces = {{},
                                                       {1},
                                                       {1, 1, 1},
                                                       {2},
                                                       {2, 2, 2, 2, 2, 2},
                                                       {4, 2, 1, 3},
                                                       {3, 3, 3, 3, 3, 3, 3, 3, 3, 3},
                                                       std::vector<std::size_t>(200, 2)};

/// Of the separable landscape.
search::Sensitivity sensitivity_of(const SearchSpace& space) {
  search::Sensitivity measured;
  for (std::size_t i = 0; i < space.dims.size(); ++i) {
    measured.own.emplace_back();
    for (std::size_t k = 0; k < space.dims[i].options.size(); ++k) measured.own.back().push_back(loss_of(space, i, k));
  }
  measured.output = measured.own;
  return measured;
}

/// Measures what the strategy wants, as tune() does.
void grant(const search::Strategy& strategy, const SearchSpace& space, History& history) {
  if (strategy.wants(history).sensitivity && history.sensitivity() == nullptr) history.set(sensitivity_of(space));
}

std::optional<Observation> step(const search::Strategy& strategy, const SearchSpace& space, const Landscape& landscape,
                                const History& history) {
  const auto point = strategy.ask(history);
  if (!point) return std::nullopt;
  EXPECT_TRUE(space.contains(*point));
  EXPECT_EQ(history.find(*point), nullptr) << "repeated at trial " << history.size() + 1;
  Observation seen = landscape(space, *point);
  seen.point = *point;
  return seen;
}

History run(const search::Strategy& strategy, const SearchSpace& space, const Landscape& landscape, std::size_t most) {
  History history;
  while (history.size() < most) {
    grant(strategy, space, history);
    auto seen = step(strategy, space, landscape, history);
    if (!seen) break;
    history.push(std::move(*seen));
    if (testing::Test::HasFailure()) break;
  }
  return history;
}

class StrategyContract : public testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<const search::Strategy> made(const SearchSpace& space, std::uint64_t seed = kSeed) {
    return make(GetParam(), space, {seed});
  }
};

/// Of one run here: a Gaussian process and a ladder take milliseconds for each.
std::uint64_t most_trials(const std::string& name) {
  return name == "bayesian" ? 30 : name == "auto" ? 60 : 300;
}

TEST_P(StrategyContract, StaysInTheSpaceNeverRepeatsAndEndsOnSmallSpaces) {
  for (const auto& options : kSpaces) {
    const SearchSpace space = space_of(options);
    for (const auto& [name, landscape] : kLandscapes) {
      SCOPED_TRACE(name + ", " + std::to_string(options.size()) + " operators");
      const std::uint64_t limit = std::min(space.size(), most_trials(GetParam()));
      const History history = run(*made(space), space, landscape, limit);
      EXPECT_GE(history.size(), 1u);
      if (history.size() == space.size()) {
        EXPECT_FALSE(made(space)->ask(history).has_value());
      }
    }
  }
}

TEST_P(StrategyContract, StartsWithTheFastestPoint) {
  const SearchSpace space = space_of({4, 2, 1, 3});
  EXPECT_EQ(made(space)->ask(History{}), space.fastest());
}

TEST_P(StrategyContract, ResumingFromAnyPrefixGivesTheRestOfTheRun) {
  for (const auto& options : {std::vector<std::size_t>{4, 2, 1, 3, 2}, std::vector<std::size_t>(60, 2)}) {
    const SearchSpace space = space_of(options);
    for (const auto& [name, landscape] : kLandscapes) {
      const History whole = run(*made(space), space, landscape, std::min<std::uint64_t>(100, most_trials(GetParam())));
      History prefix;
      for (std::size_t i = 0; i < whole.size(); ++i) {
        const auto fresh = made(space);
        grant(*fresh, space, prefix);
        ASSERT_EQ(fresh->ask(prefix), whole[i].point) << name << " at " << i;
        ASSERT_EQ(fresh->ask(prefix), whole[i].point) << "asking twice";
        prefix.push(whole[i]);
      }
    }
  }
}

/// Trials within which the optimum of `separable` on n operators of two options is found.
std::size_t documented_trials(const std::string& name, std::size_t operators) {
  if (name == "auto") return 10;
  if (name == "basic") return 3 * operators + 1;
  if (name == "mse") return 2 * operators + 1;
  return std::size_t{1} << operators;
}

TEST_P(StrategyContract, FindsTheOptimumOfASeparableLandscape) {
  const SearchSpace space = space_of(std::vector<std::size_t>(8, 2));
  double cheapest = HUGE_VAL;
  for (unsigned bits = 0; bits < 256; ++bits) {
    Point point;
    for (unsigned i = 0; i < 8; ++i) point.push_back((bits >> i) & 1u);
    const Observation seen = separable(space, point);
    if (seen.met) cheapest = std::min(cheapest, seen.cost);
  }
  const History history = run(*made(space), space, separable, documented_trials(GetParam(), 8));
  ASSERT_NE(history.best(), nullptr);
  EXPECT_TRUE(history.best()->met);
  EXPECT_EQ(history.best()->cost, cheapest);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& row : registry()) all.emplace_back(row.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Registry, StrategyContract, testing::ValuesIn(names()), [](const auto& row) { return row.param; });

std::string first_ten(const std::string& name) {
  const SearchSpace space = space_of({3, 2, 2, 1, 2, 3});
  const History history = run(*make(name, space, {kSeed}), space, never_met, 10);
  std::string text;
  for (const auto& seen : history.all()) {
    for (const auto index : seen.point) text += static_cast<char>('0' + index);
    text += ' ';
  }
  return text;
}

TEST(FirstTenPoints, OfAuto) {
  EXPECT_EQ(first_ten("auto"), "000000 201000 201002 211002 211012 001000 ");
}
TEST(FirstTenPoints, OfBasic) {
  EXPECT_EQ(first_ten("basic"), "000000 100000 000001 000002 000010 001000 010000 200000 201000 201002 ");
}
TEST(FirstTenPoints, OfMse) {
  EXPECT_EQ(first_ten("mse"), "000000 100000 000001 001000 201000 201002 211002 211012 ");
}
TEST(FirstTenPoints, OfRandom) {
  EXPECT_EQ(first_ten("random"), "000000 100000 100001 000001 100011 200000 000002 100002 101000 200002 ");
}
TEST(FirstTenPoints, OfExhaustive) {
  EXPECT_EQ(first_ten("exhaustive"), "000000 100000 200000 010000 001000 000010 000001 000002 110000 210000 ");
}
TEST(FirstTenPoints, OfBayesian) {
  EXPECT_EQ(first_ten("bayesian"), "000000 100000 100001 000001 100011 200000 000002 100002 101000 200002 ");
}
TEST(FirstTenPoints, OfTpe) {
  EXPECT_EQ(first_ten("tpe"), "000000 100000 100001 000001 100011 200000 000002 100002 101000 200002 ");
}

TEST(ModelBased, NeedFarFewerTrialsThanChance) {
  const SearchSpace space = space_of(std::vector<std::size_t>(24, 2));
  const auto cheapest = [&](const std::string& name, std::uint64_t seed) {
    double cost = HUGE_VAL;
    const History history = run(*make(name, space, {seed}), space, separable, 100);
    for (const auto& seen : history.all())
      if (seen.met) cost = std::min(cost, seen.cost);
    return cost;
  };
  for (const std::uint64_t seed : {1, 2, 3})
    for (const char* name : {"tpe", "bayesian"})
      EXPECT_LE(cheapest(name, seed) + 2, cheapest("random", seed)) << name << seed;
}

TEST(Random, DependsOnItsSeed) {
  const SearchSpace space = space_of(std::vector<std::size_t>(40, 2));
  const History history = run(*make("random", space, {1}), space, never_met, 1);
  EXPECT_NE(make("random", space, {1})->ask(history), make("random", space, {2})->ask(history));
}

TEST(Random, WalksAWholeSmallSpace) {
  const SearchSpace space = space_of({3, 2, 4});
  std::set<Point> points;
  const History history = run(*make("random", space, {kSeed}), space, never_met, 1000);
  for (const auto& seen : history.all()) points.insert(seen.point);
  EXPECT_EQ(points.size(), 24u);
}

/// Additive losses seen through noise; costs with boundaries: neighbours of unlike precision pay for the conversion.
struct Toy {
  explicit Toy(std::uint64_t seed, std::size_t operators) : space(space_of(std::vector<std::size_t>(operators, 2))) {
    Rng rng(seed);
    for (std::size_t i = 0; i < operators; ++i) {
      loss.push_back(std::pow(10.0, -4 + 2 * rng.uniform()));
      saves.push_back(0.2 + rng.uniform());
    }
    for (const double l : loss) allowed += 0.3 * l;
  }
  double cost(const Point& point) const {
    double sum = 0;
    for (std::size_t i = 0; i < point.size(); ++i) {
      sum += point[i] == 0 ? 0.5 : 0.5 + saves[i];
      if (i > 0 && point[i] != point[i - 1]) sum += 0.15;
    }
    return sum;
  }
  Observation evaluate(const Point& point) const {
    Observation seen;
    for (std::size_t i = 0; i < point.size(); ++i) seen.loss += point[i] == 0 ? loss[i] : 0;
    seen.met = seen.loss <= allowed;
    seen.cost = cost(point);
    return seen;
  }
  search::Sensitivity sensitivity() const {
    search::Sensitivity out;
    for (const double l : loss) out.output.push_back({3 * l, 0});
    out.own = out.output;
    return out;
  }
  SearchSpace space;
  std::vector<double> loss, saves;
  double allowed = 0;
};

TEST(Auto, IsWithinTwoPercentOfTheOptimumOfSmallSpaces) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Toy toy(seed, 12);
    double optimum = HUGE_VAL;
    for (std::uint64_t i = 0; i < toy.space.size(); ++i) {
      Point point;
      for (unsigned bit = 0; bit < 12; ++bit) point.push_back((i >> bit) & 1u);
      const Observation seen = toy.evaluate(point);
      if (seen.met) optimum = std::min(optimum, seen.cost);
    }
    const search::Knowledge known{1, [&](const Point& p) { return toy.cost(p); }, toy.allowed};
    const auto outcome =
        search::tune(*make("auto", toy.space, known),
                     {[&](const Point& p, std::size_t) { return toy.evaluate(p); }, [&] { return toy.sensitivity(); }}, {});
    ASSERT_NE(outcome.history.best(), nullptr);
    EXPECT_TRUE(outcome.history.best()->met);
    EXPECT_LE(outcome.history.best()->cost, 1.02 * optimum) << "seed " << seed;
    EXPECT_LE(outcome.history.size(), 12u) << "seed " << seed;
  }
}

TEST(Auto, ReachesTheTargetOfLargeSpacesInAFewTrials) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Toy toy(seed, 200);
    const search::Knowledge known{1, [&](const Point& p) { return toy.cost(p); }, toy.allowed};
    const auto outcome =
        search::tune(*make("auto", toy.space, known),
                     {[&](const Point& p, std::size_t) { return toy.evaluate(p); }, [&] { return toy.sensitivity(); }}, {});
    EXPECT_TRUE(outcome.history.best()->met);
    EXPECT_LE(outcome.history.size(), 12u) << "seed " << seed;
  }
}

TEST(Belief, TheChanceFallsWithDivergenceAndTrialsSettleIt) {
  const Belief one(std::vector<Seen>{{0.04, 0.1, 0}}, 0.01);
  EXPECT_LT(one.chance(0.04), 1e-6);
  EXPECT_GT(one.chance(0.01), one.chance(0.02));
  EXPECT_GT(one.chance(0), 0.99);
  const Belief steep(std::vector<Seen>{{0.04, 0.1, 0}, {0.02, 0.025, 0}, {0.01, 0.00625, 0}}, 0.01);
  EXPECT_GT(steep.chance(0.011), 0.9);
  EXPECT_LT(steep.chance(0.015), 0.1);
}

TEST(Belief, AMissOnANoisySetMayBeBadLuck) {
  const Belief exact(std::vector<Seen>{{0.04, 0.1, 0}, {0.01, 0.02, 0}}, 0.01);
  const Belief noisy(std::vector<Seen>{{0.04, 0.1, 0.02}, {0.01, 0.02, 0.02}}, 0.01);
  EXPECT_LT(exact.chance(0.01), 0.01);
  EXPECT_GT(noisy.chance(0.01), 0.2);
}

TEST(Exhaustive, TriesEveryPointOnceAndThoseWithFewChangesFirst) {
  const SearchSpace space = space_of({3, 2, 2, 1, 2, 3});
  const History history = run(*make("exhaustive", space, {}), space, never_met, 1000);
  EXPECT_EQ(history.size(), space.size());
  std::set<Point> seen;
  std::ptrdiff_t before = 0;
  for (const Observation& one : history.all()) {
    const std::ptrdiff_t changes = std::ssize(one.point) - std::count(one.point.begin(), one.point.end(), 0);
    EXPECT_GE(changes, before);
    before = changes;
    seen.insert(one.point);
  }
  EXPECT_EQ(seen.size(), space.size());
}

TEST(Auto, TriesNothingElseWhenTheFastestPointMeetsTheTarget) {
  const SearchSpace space = space_of({3, 2, 2});
  EXPECT_EQ(run(*make("auto", space, {}), space, always_met, 100).size(), 1u);
}

/// The landscape of one operator that alone ruins the model.
Observation one_fragile(const SearchSpace& space, const Point& point, std::size_t fragile) {
  Observation seen;
  seen.loss = point[fragile] + 1u == space.dims[fragile].options.size() ? 0.001 : 0.4;
  seen.accuracy = 0.9 - seen.loss;
  seen.met = seen.loss < 0.01;
  return seen;
}

TEST(Basic, FindsTheOneFragileOperatorInTheOneByOneStage) {
  const SearchSpace space = space_of(std::vector<std::size_t>(26, 2));
  for (std::size_t fragile = 0; fragile < 26; ++fragile) {
    const auto evaluate = [&](const Point& point, std::size_t) { return one_fragile(space, point, fragile); };
    const auto outcome = search::tune(*make("basic", space, {}), {evaluate}, {});
    ASSERT_EQ(outcome.stopped, search::StopReason::TargetMet);
    EXPECT_LE(outcome.history.size(), 27u);
    const Point& best = outcome.history.best()->point;
    EXPECT_EQ(std::count(best.begin(), best.end(), 1), 1);
  }
}

TEST(Basic, FallsBackToTheSafeOptionBeforeTheLast) {
  SearchSpace space = space_of({3, 3, 3, 3});
  for (auto& dim : space.dims) dim.safe = 1;
  const auto by_safe = [](const Point& point, std::size_t) {
    Observation seen;
    seen.loss = point[2] >= 1 ? 0.001 : 0.4;
    seen.met = seen.loss < 0.01;
    return seen;
  };
  const auto gentle = search::tune(*make("basic", space, {}), {by_safe}, {});
  ASSERT_EQ(gentle.stopped, search::StopReason::TargetMet);
  EXPECT_EQ(gentle.history.best()->point, (Point{0, 0, 1, 0}));
  const auto by_last = [](const Point& point, std::size_t) {
    Observation seen;
    seen.loss = point[2] == 2 ? 0.001 : 0.4;
    seen.met = seen.loss < 0.01;
    return seen;
  };
  const auto thorough = search::tune(*make("basic", space, {}), {by_last}, {});
  ASSERT_EQ(thorough.stopped, search::StopReason::TargetMet);
  EXPECT_EQ(thorough.history.best()->point[2], 2);
}

TEST(Basic, LargeSpacesAreWalkedInBlocksAndPolishedWhereThereIsTime) {
  const SearchSpace space = space_of(std::vector<std::size_t>(193, 2));
  const auto evaluate = [&](const Point& point, std::size_t) { return one_fragile(space, point, 100); };
  const auto quick = search::tune(*make("basic", space, {}), {evaluate}, {});
  EXPECT_EQ(quick.stopped, search::StopReason::TargetMet);
  EXPECT_LE(quick.history.size(), 33u);
  const auto patient = search::tune(*make("basic", space, {}), {evaluate}, {.timeout_seconds = 1e6});
  const auto all = patient.history.all();
  const bool alone = std::any_of(all.begin(), all.end(), [](const Observation& seen) {
    return seen.met && std::count(seen.point.begin(), seen.point.end(), 1) == 1;
  });
  EXPECT_TRUE(alone);
  EXPECT_LE(all.size(), 100u);
}

TEST(Basic, EndsInFp32WhereNothingElseMeetsTheTarget) {
  const SearchSpace space = space_of(std::vector<std::size_t>(30, 2));
  const auto evaluate = [&](const Point& point, std::size_t) {
    Observation seen = separable(space, point);
    seen.met = point == space.fp32();
    return seen;
  };
  const auto outcome = search::tune(*make("basic", space, {}), {evaluate}, {});
  EXPECT_EQ(outcome.stopped, search::StopReason::TargetMet);
  EXPECT_LE(outcome.history.size(), 61u);
}

TEST(Mse, FallsBackTheLargestErrorFirstWhateverTheTrialsSay) {
  const SearchSpace space = space_of(std::vector<std::size_t>(26, 2));
  for (const std::size_t fragile : {3u, 20u}) {
    search::Sensitivity measured = sensitivity_of(space);
    measured.own[fragile][0] = 7;
    std::swap(measured.output[0], measured.output[fragile]);
    const auto evaluate = [&](const Point& point, std::size_t) { return one_fragile(space, point, fragile); };
    const auto outcome = search::tune(*make("mse", space, {}), {evaluate, [&] { return measured; }}, {});
    ASSERT_EQ(outcome.stopped, search::StopReason::TargetMet);
    EXPECT_EQ(outcome.history.size(), 2u);
    EXPECT_EQ(outcome.history.best()->point[fragile], 1);
  }
}

TEST(Mse, AsksForErrorsOnlyWhenTheFastestPointMisses) {
  const SearchSpace space = space_of(std::vector<std::size_t>(5, 2));
  const auto met = [&](const Point& point, std::size_t) { return always_met(space, point); };
  EXPECT_EQ(search::tune(*make("mse", space, {}), {met}, {}).stopped, search::StopReason::TargetMet);
  EXPECT_FALSE(make("mse", space, {})->wants(History{}).sensitivity);
  History missed;
  missed.push(never_met(space, space.fastest()));
  EXPECT_TRUE(make("mse", space, {})->wants(missed).sensitivity);
}

TEST(Mse, LargeSpacesReachFp32InThirtyTwoSteps) {
  const SearchSpace space = space_of(std::vector<std::size_t>(193, 2));
  const auto evaluate = [&](const Point& point, std::size_t) {
    Observation seen = separable(space, point);
    seen.met = point == space.fp32();
    return seen;
  };
  const auto outcome = search::tune(*make("mse", space, {}), {evaluate, [&] { return sensitivity_of(space); }}, {});
  EXPECT_EQ(outcome.stopped, search::StopReason::TargetMet);
  EXPECT_LE(outcome.history.size(), 33u);
}

/// Types are tuned one after the other: what suits one may not suit the other.
TEST(Basic, FindsTheBestVariantOfEachOperatorTypeBeforeAnythingFallsBack) {
  const SearchSpace space = space_of({3, 3, 3, 3, 3, 3});
  const auto evaluate = [&](const Point& point, std::size_t) {
    Observation seen;
    for (std::size_t i = 0; i < point.size(); ++i)
      seen.loss += point[i] == (space.dims[i].op_type == "Conv" ? 1u : 0u) ? 0.001 : 0.01;
    seen.met = seen.loss < 0.007;
    return seen;
  };
  const auto outcome = search::tune(*make("basic", space, {}), {evaluate}, {});
  ASSERT_EQ(outcome.stopped, search::StopReason::TargetMet);
  EXPECT_EQ(outcome.history.best()->point, (Point{0, 1, 1, 0, 1, 1}));
  EXPECT_EQ(outcome.history.size(), 3u);
}

TEST(Registry, NamesAreUniqueAndDescribed) {
  std::set<std::string_view> seen;
  for (const auto& row : registry()) {
    EXPECT_TRUE(seen.insert(row.name).second);
    EXPECT_FALSE(row.summary.empty());
    EXPECT_EQ(row.make(space_of({2}), {})->name(), row.name);
  }
}

TEST(Registry, AnUnknownNameIsRefusedWithASuggestion) {
  try {
    make("bassic", space_of({2}), {});
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("did you mean 'basic'?"));
  }
}

}  // namespace
}  // namespace inc::strategies
