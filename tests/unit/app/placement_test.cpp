#include "app/placement.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "app/limits.h"
#include "app/topology.h"
#include "core/base/error.h"

namespace inc::app {
namespace {

using Lists = std::vector<std::vector<int>>;

/// Two sockets of four cores with two logical CPUs each: only the first CPU of a core is listed.
const Topology kTwoSockets{{{0, 1, 2, 3}, {8, 9, 10, 11}}};

TEST(Placement, SpreadsInstancesOverNodes) {
  EXPECT_EQ(place(kTwoSockets, 2, 1), (Lists{{0}, {8}}));
  EXPECT_EQ(place(kTwoSockets, 4, 2), (Lists{{0, 1}, {8, 9}, {2, 3}, {10, 11}}));
  EXPECT_EQ(place(kTwoSockets, 3, 2), (Lists{{0, 1}, {8, 9}, {2, 3}}));
}

TEST(Placement, KeepsAnInstanceOnOneNodeWhereItFits) {
  EXPECT_EQ(place(kTwoSockets, 2, 3), (Lists{{0, 1, 2}, {8, 9, 10}}));
  EXPECT_EQ(place({{{0}, {1, 2}}}, 1, 2), (Lists{{1, 2}}));
}

TEST(Placement, CrossesNodesOnlyWhenItMust) {
  EXPECT_EQ(place(kTwoSockets, 1, 8), (Lists{{0, 1, 2, 3, 8, 9, 10, 11}}));
  EXPECT_EQ(place({{{0, 1, 2}, {3, 4, 5}}}, 3, 2), (Lists{{0, 1}, {3, 4}, {2, 5}}));
}

TEST(Placement, NeverGivesACoreTwice) {
  const Topology uneven{{{0, 1, 2, 3, 4}, {5, 6}, {7, 8, 9}}};
  for (int instances = 1; instances <= 10; ++instances)
    for (int each = 1; instances * each <= 10; ++each) {
      std::vector<int> all;
      for (const auto& cores : place(uneven, instances, each)) {
        EXPECT_EQ(cores.size(), static_cast<std::size_t>(each));
        all.insert(all.end(), cores.begin(), cores.end());
      }
      std::sort(all.begin(), all.end());
      EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << instances << " × " << each;
    }
}

TEST(Placement, RefusesMoreCoresThanThereAreWithBothNumbers) {
  try {
    place(kTwoSockets, 3, 3);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "3 instances of 3 cores are 9 cores; this process may use 8 on 2 NUMA nodes");
  }
  EXPECT_THROW(place({{{0}}}, 1, 2), ConfigError);
  EXPECT_THROW(place(kTwoSockets, 2000000000, 2000000000), ConfigError);
}

TEST(CpuQuota, IsReadFromTheTextOfTheSystem) {
  EXPECT_EQ(cpus_of_quota("200000 100000"), 2);
  EXPECT_EQ(cpus_of_quota("150000 100000\n"), 1.5);
  EXPECT_EQ(cpus_of_quota("max 100000"), std::nullopt);
  EXPECT_EQ(cpus_of_quota(""), std::nullopt);
}

TEST(ThisMachine, HasAtLeastOneCoreAndNoMoreThanItsCpus) {
  const Topology topology = this_machine();
  EXPECT_GE(topology.cores(), 1);
  EXPECT_GE(cpu_limit().cpus, 1);
  EXPECT_FALSE(cpu_limit().why.empty());
}

}  // namespace
}  // namespace inc::app
