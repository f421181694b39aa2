#include "core/tuning/keep_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/rng.h"
#include "core/tuning/cost_designs.h"
#include "tests/support/models.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Milliseconds of each operator of a chain in INT8 and FP32, and of every border between the two.
struct Landscape {
  std::vector<float> int8, fp32;
  float border = 0;
};

CostLayout chain_of(std::size_t length) {
  CostLayout layout;
  for (std::size_t i = 0; i < length; ++i) {
    CostSite site{"op" + std::to_string(i), i, {}, {}};
    if (i > 0) site.before = {i - 1};
    if (i + 1 < length) site.after = {i + 1};
    layout.sites.push_back(site);
    layout.nodes.push_back({static_cast<std::uint32_t>(i)});
    layout.dims.push_back(site.name);
    layout.classes.push_back({"int8", "fp32"});
    layout.class_of.push_back({0, 1});
  }
  return layout;
}

CostSample sample(const Landscape& land, const Classes& classes) {
  CostSample out{classes, {}, 0};
  for (std::size_t i = 0; i < classes.size(); ++i) {
    float ms = classes[i] == 0 ? land.int8[i] : land.fp32[i];
    if (i > 0 && classes[i] != classes[i - 1]) ms += land.border;
    out.site_ms.push_back(ms);
    out.run_ms += static_cast<double>(ms);
  }
  return out;
}

CostProfile measured(const CostLayout& layout, const Landscape& land) {
  CostProfile profile;
  profile.dims = layout.dims;
  profile.classes = layout.classes;
  profile.sites = layout.dims;
  for (const Classes& design : cost_designs(layout)) profile.samples.push_back(sample(land, design));
  return profile;
}

std::vector<std::string> names(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const auto& kept : verdict.kept) out.push_back(kept.name);
  return out;
}

TEST(KeepBack, NothingWhereInt8IsFaster) {
  const Landscape land{{1, 1, 1, 1}, {2, 3, 2, 2}, 0.1f};
  const Verdict verdict = keep_back(chain_of(4), measured(chain_of(4), land), "measured");
  EXPECT_EQ(verdict.classes, Classes(4, 0));
  EXPECT_THAT(verdict.kept, IsEmpty());
}

TEST(KeepBack, NamesTheSlowOperatorAndTheMicrosecondsThatDecided) {
  const Landscape land{{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f};
  const Verdict verdict = keep_back(chain_of(5), measured(chain_of(5), land), "measured");
  ASSERT_THAT(names(verdict), ElementsAre("op2"));
  EXPECT_EQ(verdict.kept[0].speed_class, "int8");
  // 3 ms against 1 ms and two borders of 0.2 ms; the fit shrinks effects by a few percent.
  EXPECT_NEAR(verdict.kept[0].microseconds, 1600, 100);
  EXPECT_THAT(verdict.kept[0].reason, HasSubstr("INT8 would make the graph"));
  EXPECT_THAT(verdict.kept[0].reason, HasSubstr("(measured)"));
  EXPECT_LT(verdict.ms, verdict.fastest_ms);
}

TEST(KeepBack, BordersMakeNeighboursStayTogether) {
  const Landscape land{{1, 1.8f, 1.1f, 1.8f, 1}, {2, 1, 1.2f, 1, 2}, 0.3f};
  const Verdict verdict = keep_back(chain_of(5), measured(chain_of(5), land), "measured");
  EXPECT_THAT(names(verdict), ElementsAre("op1", "op2", "op3"));
}

TEST(KeepBack, AGainThatBordersEatUpIsNone) {
  const Landscape land{{1, 1, 1.3f, 1, 1}, {2, 2, 1, 2, 2}, 0.3f};
  EXPECT_THAT(keep_back(chain_of(5), measured(chain_of(5), land), "measured").kept, IsEmpty());
}

TEST(KeepBack, ASmallLossIsNotClearEnough) {
  const Landscape land{{1, 1, 1.05f, 1, 1}, {2, 2, 1, 2, 2}, 0};
  EXPECT_THAT(keep_back(chain_of(5), measured(chain_of(5), land), "measured").kept, IsEmpty());
  KeepBackMargin strict;
  strict.share = 0.01;
  strict.clearly = 0.005;
  EXPECT_THAT(names(keep_back(chain_of(5), measured(chain_of(5), land), "measured", strict)), ElementsAre("op2"));
}

TEST(KeepBack, AGraphThatIsSlowerAsAWholeStaysInFp32) {
  const CostLayout layout = chain_of(3);
  const Landscape land{{1.05f, 1.05f, 1.05f}, {1, 1, 1}, 0};
  const Verdict verdict = keep_back(layout, measured(layout, land), "measured");
  EXPECT_EQ(verdict.classes, Classes(3, 1));
  EXPECT_EQ(verdict.kept.size(), 3u);
}

TEST(KeepBack, Fp32AsAWholeIsCheckedFirstAndGivesWayWhenItsCheckShowsNoGain) {
  const CostLayout layout = chain_of(3);
  CostProfile profile = measured(layout, {{1.05f, 1.05f, 1.05f}, {1, 1, 1}, 0});
  ASSERT_EQ(to_verify(layout, profile), Classes(3, 1));
  profile.checks.push_back({Classes(3, 1), 3.0, 3.3, 3.0, 0.5});
  EXPECT_THAT(to_verify(layout, profile), IsEmpty());
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
  profile.checks.back().won = 1;
  EXPECT_EQ(keep_back(layout, profile, "measured").classes, Classes(3, 1));
}

TEST(KeepBack, GivesWayWhenTheCheckShowsNoGain) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  const Classes wanted = to_verify(layout, profile);
  EXPECT_EQ(wanted, (Classes{0, 0, 1, 0, 0}));
  profile.checks.push_back({wanted, 7.5, 7.0, 9.0});
  EXPECT_THAT(to_verify(layout, profile), IsEmpty());
  const Verdict verdict = keep_back(layout, profile, "measured");
  EXPECT_THAT(verdict.classes, Classes(5, 0));
  EXPECT_EQ(verdict.ms, 7.0);
}

TEST(KeepBack, TakesTheBestOfWhatWasChecked) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({to_verify(layout, profile), 7.5, 7.0, 9.0});
  profile.checks.push_back({{0, 1, 1, 0, 0}, 6.0, 7.0, 9.0});
  EXPECT_EQ(keep_back(layout, profile, "measured").classes, (Classes{0, 1, 1, 0, 0}));
}

TEST(KeepBack, ASmallGainOfAllTogetherIsNotClearEnough) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({to_verify(layout, profile), 6.99, 7.0, 9.0});
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
}

TEST(KeepBack, ATieGoesToTheFirstOptions) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({to_verify(layout, profile), 6.9, 7.0, 9.0});
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
  profile.checks.back().ms = 6.8;
  EXPECT_EQ(keep_back(layout, profile, "measured").kept.size(), 1u);
}

TEST(KeepBack, WhatWasNotCheckedDoesNotPassWhereTheCheckOfAnotherFailed) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({{0, 1, 1, 0, 0}, 7.2, 7.0, 9.0});
  ASSERT_FALSE(to_verify(layout, profile).empty());
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
}

TEST(KeepBack, ADisturbedYardstickMakesNoWinner) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({to_verify(layout, profile), 7.1, 7.0, 9.0});
  profile.checks.push_back({{0, 1, 1, 0, 0}, 7.2, 10.0, 9.0});
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
}

TEST(KeepBack, AGainThatLosesManyOfItsDuelsIsNoise) {
  const CostLayout layout = chain_of(5);
  CostProfile profile = measured(layout, {{1, 1, 3, 1, 1}, {2, 2, 1, 2, 2}, 0.2f});
  profile.checks.push_back({to_verify(layout, profile), 6.0, 7.0, 9.0, 0.7});
  EXPECT_THAT(keep_back(layout, profile, "measured").kept, IsEmpty());
  profile.checks.back().won = 0.9;
  EXPECT_EQ(keep_back(layout, profile, "measured").kept.size(), 1u);
}

TEST(KeepBack, TheSameProfileFileGivesTheSameVerdict) {
  const testing::TemporaryDirectory directory;
  const CostLayout layout = chain_of(5);
  const CostProfile profile = measured(layout, {{1, 1.8f, 1.1f, 1.8f, 1}, {2, 1, 1.2f, 1, 2}, 0.3f});
  write_costs(directory.path() / "costs.json", profile);
  const Verdict a = keep_back(layout, profile, "x"), b = keep_back(layout, read_costs(directory.path() / "costs.json"), "x");
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(names(a), names(b));
}

TEST(KeepBack, Bf16ThatIsSlowerThanFp32IsNoFallback) {
  CostLayout layout = chain_of(4);
  for (auto& classes : layout.classes) classes = {"int8", "bf16", "fp32"};
  for (auto& options : layout.class_of) options = {0, 1, 2};
  CostProfile profile;
  profile.dims = layout.dims;
  profile.classes = layout.classes;
  profile.sites = layout.dims;
  for (const Classes& design : cost_designs(layout)) {
    CostSample one{design, {}, 0};
    for (std::size_t i = 0; i < 4; ++i) {
      const float bf16 = i == 2 ? 4.0f : 1.5f;
      one.site_ms.push_back(design[i] == 0 ? 1.0f : design[i] == 1 ? bf16 : 2.0f);
      one.run_ms += static_cast<double>(one.site_ms.back());
    }
    profile.samples.push_back(one);
  }
  const Verdict verdict = keep_back(layout, profile, "measured");
  EXPECT_EQ(verdict.classes, Classes(4, 0));
  ASSERT_THAT(names(verdict), ElementsAre("op2"));
  EXPECT_EQ(verdict.kept[0].speed_class, "bf16");
  EXPECT_NEAR(verdict.kept[0].microseconds, 2000, 100);
}

TEST(Cheapest, FindsTheOptimumOfChainsThatCanBeEnumerated) {
  Rng rng(5);
  const std::size_t length = 8;
  const CostLayout layout = chain_of(length);
  for (int n = 0; n < 50; ++n) {
    CostTables tables;
    tables.pairs_of.resize(length);
    for (std::size_t i = 0; i < length; ++i) tables.own.push_back({rng.uniform(), rng.uniform()});
    for (std::size_t i = 0; i + 1 < length; ++i) {
      const double border = 0.5 * rng.uniform();
      tables.pairs_of[i].push_back(i);
      tables.pairs_of[i + 1].push_back(i);
      tables.pairs.push_back({i, i + 1, {{0, border}, {border, 0}}});
    }
    double least = 1e9;
    for (unsigned bits = 0; bits < 1u << length; ++bits) {
      Classes classes;
      for (std::size_t i = 0; i < length; ++i) classes.push_back(static_cast<std::uint8_t>(bits >> i & 1u));
      least = std::min(least, tables.total(classes));
    }
    EXPECT_NEAR(tables.total(cheapest(tables, layout, std::vector<double>(length))), least, 1e-6);
  }
}

}  // namespace
}  // namespace inc::tuning
