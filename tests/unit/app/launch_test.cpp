#include "app/launch.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/base/error.h"
#include "fake_machine.h"

namespace inc::app {
namespace {

using Variables = std::map<std::string, std::string>;

/// Nodes that the system numbers 0 and 2.
const Topology kTwoNodes{{{0, 1, 2, 3}, {8, 9, 10, 11}}, {0, 2}};

TEST(LaunchPlan, GivesEachInstanceCoresThreadsAndPlacesOfItsOwn) {
  const LaunchPlan plan = plan_launch(kTwoNodes, {2, 2}, Host(), {});
  ASSERT_EQ(plan.instances.size(), 2u);
  EXPECT_EQ(plan.instances[1].cpus, (std::vector<int>{8, 9}));
  EXPECT_EQ(plan.instances[1].variables.at("OMP_NUM_THREADS"), "2");
  EXPECT_EQ(plan.instances[1].variables.at("OMP_PLACES"), "{8},{9}");
  EXPECT_EQ(plan.instances[1].variables.at("OMP_PROC_BIND"), "close");
  EXPECT_TRUE(plan.instances[1].memory_nodes.empty());
  EXPECT_EQ(plan.places[1], "node 2");
}

TEST(LaunchPlan, SharesAllCoresOutWhereNoNumberIsGiven) {
  EXPECT_EQ(plan_launch(kTwoNodes, {3}, Host(), {}).cores_each, 2);
  EXPECT_EQ(plan_launch(kTwoNodes, {1}, Host(), {}).instances[0].cpus.size(), 8u);
}

TEST(LaunchPlan, BindsMemoryToTheNodesOfTheCores) {
  const LaunchOptions options{2, 4, true};
  EXPECT_EQ(plan_launch(kTwoNodes, options, Host(), {}).instances[1].memory_nodes, std::vector<int>{2});
  EXPECT_EQ(plan_launch(kTwoNodes, {1, 8, true}, Host(), {}).instances[0].memory_nodes, (std::vector<int>{0, 2}));
}

TEST(LaunchPlan, RemovesWhatWouldWinOverItsPlacesAndKeepsTheUsersBlockTime) {
  const Variables mine{{"KMP_AFFINITY", "compact"}, {"GOMP_CPU_AFFINITY", "0"}, {"KMP_BLOCKTIME", "200"}};
  const auto variables = plan_launch(kTwoNodes, {2}, Host(), mine).instances[0].variables;
  EXPECT_EQ(variables.at("KMP_AFFINITY"), std::nullopt);
  EXPECT_EQ(variables.at("GOMP_CPU_AFFINITY"), std::nullopt);
  EXPECT_FALSE(variables.contains("KMP_BLOCKTIME"));
}

TEST(LaunchPlan, PutsTheAllocatorBeforeWhatIsPreloadedOrSaysWhereItWasSought) {
  FakeMachine fake;
  fake.file("/usr/lib/libjemalloc.so.2", "");
  const Variables mine{{"LD_PRELOAD", "/mine.so"}};
  const auto plan = plan_launch(kTwoNodes, {1, 1, false, "jemalloc"}, Host(fake.root()), mine);
  EXPECT_EQ(plan.instances[0].variables.at("LD_PRELOAD"), "/usr/lib/libjemalloc.so.2:/mine.so");
  try {
    plan_launch(kTwoNodes, {1, 1, false, "tcmalloc"}, Host(fake.root()), {});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find("--allocator tcmalloc: not installed: libtcmalloc.so: not in /usr/local/lib"),
              0u)
        << error.what();
  }
}

TEST(LaunchPlan, RefusesMoreCoresThanThereAre) {
  EXPECT_THROW(plan_launch(kTwoNodes, {3, 3}, Host(), {}), ConfigError);
  EXPECT_THROW(plan_launch(kTwoNodes, {9}, Host(), {}), ConfigError);
}

TEST(LaunchRun, KillsInstancesThatDoNotHeedTheRequestToEnd) {
  LaunchPlan plan;
  plan.instances.resize(2);
  const auto start = std::chrono::steady_clock::now();
  const int code = run_launch(
      plan, {"sh", "-c", "if [ {instance} = 1 ]; then sleep 0.2; exit 3; fi; trap '' TERM; sleep 60"}, {false, 0.2});
  EXPECT_EQ(code, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50)) << "waited for the sleeper";
}

TEST(LaunchRun, RefusesAProgramThatDoesNotExist) {
  LaunchPlan plan;
  plan.instances.resize(1);
  EXPECT_THROW(run_launch(plan, {"/nowhere/program"}, {}), ConfigError);
}

TEST(LaunchPlan, SaysWhatItSets) {
  const auto plan = plan_launch(kTwoNodes, {2, 4, true}, Host(), {{"KMP_AFFINITY", "compact"}});
  EXPECT_EQ(to_text(plan, {"python", "serve.py", "{instance}"}),
            "2 instances of 4 cores; this process may use 8; memory of the same node only\n"
            "  instance 0   CPUs 0-3, node 0\n"
            "  instance 1   CPUs 8-11, node 2\n"
            "  set          KMP_BLOCKTIME=1 OMP_NUM_THREADS=4 OMP_PLACES=<its CPUs> OMP_PROC_BIND=close\n"
            "  removed      KMP_AFFINITY\n"
            "  command      python serve.py {instance}\n");
}

}  // namespace
}  // namespace inc::app
