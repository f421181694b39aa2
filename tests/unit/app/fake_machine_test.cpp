#include "fake_machine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "app/topology.h"

namespace inc::app {
namespace {

std::string list(int first, int count) {
  return count == 1 ? fmt::format("{}", first) : fmt::format("{}-{}", first, first + count - 1);
}

/// The kernel's masks: groups of 32 CPUs, the highest first.
std::string mask(const std::vector<int>& cpus, int total) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>((total + 31) / 32));
  for (const int cpu : cpus) words[static_cast<std::size_t>(cpu / 32)] |= 1U << (cpu % 32);
  std::string text;
  for (auto word = words.rbegin(); word != words.rend(); ++word)
    text += fmt::format("{}{:08x}", text.empty() ? "" : ",", *word);
  return text;
}

}  // namespace

FakeMachine::FakeMachine() {
  static int made = 0;
  root_ = std::filesystem::temp_directory_path() / fmt::format("inc_fake_{}_{}", ::getpid(), ++made);
  std::filesystem::remove_all(root_);
}

FakeMachine::~FakeMachine() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

FakeMachine& FakeMachine::file(const std::string& path, const std::string& text) {
  const auto full = root_ / path.substr(1);
  std::filesystem::create_directories(full.parent_path());
  std::ofstream(full) << text << "\n";
  return *this;
}

FakeMachine& FakeMachine::cpus(const std::string& model, const std::string& flags, int sockets, int cores_each,
                               int threads_each) {
  const int cores = sockets * cores_each;
  cpus_ = cores * threads_each;
  std::string info;
  for (int cpu = 0; cpu < cpus_; ++cpu) {
    const int core = cpu % cores, socket = core / cores_each;
    std::vector<int> siblings, package;
    for (int other = 0; other < cpus_; ++other) {
      if (other % cores == core) siblings.push_back(other);
      if (other % cores / cores_each == socket) package.push_back(other);
    }
    info += fmt::format("processor\t: {}\nmodel name\t: {}\nphysical id\t: {}\ncore id\t\t: {}\nflags\t\t: {}\n\n", cpu,
                        model, socket, core % cores_each, flags);
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
    file(folder + "physical_package_id", fmt::format("{}", socket))
        .file(folder + "core_id", fmt::format("{}", core % cores_each));
    file(folder + "thread_siblings", mask(siblings, cpus_)).file(folder + "core_siblings", mask(package, cpus_));
    file(fmt::format("/sys/devices/system/node/node{}/cpumap", socket), mask(package, cpus_));
  }
  file("/proc/cpuinfo", info).file("/sys/devices/system/cpu/online", list(0, cpus_));
  file("/sys/devices/system/cpu/possible", list(0, cpus_)).file("/sys/devices/system/node/online", list(0, sockets));
  file("/proc/self/status", "Name:\tinc-cpp\nCpus_allowed_list:\t" + list(0, cpus_));
  return file("/proc/sys/kernel/osrelease", "6.1.0").file("/proc/loadavg", "0.10 0.10 0.10 1/100 1");
}

FakeMachine& FakeMachine::memory(int gib) {
  return file("/proc/meminfo", fmt::format("MemTotal: {} kB\nMemAvailable: {} kB", gib * 1048576L, gib * 1048576L / 2));
}

FakeMachine& FakeMachine::frequency(const std::string& driver, const std::string& governor, int lowest_mhz, int highest_mhz,
                                    int cap_mhz) {
  for (int cpu = 0; cpu < cpus_; ++cpu) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpufreq/policy{}/", cpu);
    file(folder + "scaling_driver", driver).file(folder + "scaling_governor", governor);
    file(folder + "cpuinfo_min_freq", fmt::format("{}000", lowest_mhz))
        .file(folder + "cpuinfo_max_freq", fmt::format("{}000", highest_mhz));
    file(folder + "scaling_max_freq", fmt::format("{}000", cap_mhz));
  }
  return *this;
}

namespace {

TEST(Layout, CountsSocketsCoresHyperThreadsAndNodes) {
  FakeMachine fake;
  fake.cpus("Test CPU", "avx2", 2, 4, 2);
  const auto found = layout(Host(fake.root()));
  ASSERT_TRUE(found) << found.why_not();
  EXPECT_EQ(found->sockets, 2);
  EXPECT_EQ(found->cores, 8);
  EXPECT_EQ(found->cpus, 16);
  ASSERT_EQ(found->nodes.size(), 2u);
  EXPECT_EQ(cpu_list(found->nodes[1].cpus), "4-7,12-15");
}

TEST(CpuLists, AreReadAndWrittenAsTheKernelDoes) {
  EXPECT_EQ(parse_cpu_list("0-3,8"), (std::vector<int>{0, 1, 2, 3, 8}));
  EXPECT_EQ(cpu_list({8, 0, 1, 2, 3, 5, 6}), "0-3,5,6,8");
  EXPECT_EQ(parse_cpu_list("nonsense"), std::vector<int>{});
  EXPECT_EQ(parse_cpu_list("0-99999999"), std::vector<int>{});
}

}  // namespace
}  // namespace inc::app
