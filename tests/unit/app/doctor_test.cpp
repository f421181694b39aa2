#include "app/doctor.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/allocators.h"
#include "core/base/file.h"
#include "fake_machine.h"

namespace inc::app {
namespace {

constexpr const char* kAvx2 = "fpu avx2 fma f16c";
constexpr const char* kSpr =
    "fpu avx2 fma f16c avx_vnni avx512f avx512dq avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 "
    "amx_tile amx_int8 amx_bf16";
const Engine kEngineAvx2{"oneDNN 3.2.0", "avx2", false, false};
const Engine kEngineAmx{"oneDNN 3.2.0", "avx512_core_amx", true, true};
const Engine kEngineBf16{"oneDNN 3.2.0", "avx512_core_bf16", true, true};

void expect_golden(const Diagnosis& diagnosis, const std::string& name) {
  const std::string path = std::string(INC_SOURCE_DIR) + "/tests/golden/doctor/" + name + ".txt";
  const std::string text = to_text(diagnosis);
  if (std::getenv("INC_UPDATE_GOLDEN") != nullptr) write_file_atomically(path, text);
  EXPECT_EQ(read_file(path), text) << "run again with INC_UPDATE_GOLDEN=1 and review the difference";
}

/// The first advice whose problem contains the words; fails without one.
const Advice& advice_on(const Diagnosis& diagnosis, const std::string& words) {
  static const Advice none;
  for (const Advice& advice : diagnosis.advice)
    if (advice.problem.find(words) != std::string::npos) return advice;
  ADD_FAILURE() << "no advice on '" << words << "' in\n" << to_text(diagnosis);
  return none;
}

bool advises_on(const Diagnosis& diagnosis, const std::string& words) {
  for (const Advice& advice : diagnosis.advice)
    if (advice.problem.find(words) != std::string::npos) return true;
  return false;
}

Known<Speed> speed(double one, double all, int cores) {
  return Speed{one, all, cores, "onednn:brg:avx2"};
}

void make_laptop(FakeMachine& fake) {
  fake.cpus("Laptop CPU", kAvx2, 1, 4, 2).memory(16).frequency("intel_pstate", "powersave", 400, 4000, 4000);
  fake.file("/sys/devices/system/cpu/intel_pstate/no_turbo", "0")
      .file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  fake.file("/proc/self/maps", "7f00-7f10 r-xp 00000000 00:00 1 /usr/lib/libgomp.so.1.0.0");
}

TEST(Doctor, SaysThatAnAvx2LaptopIsExactInInt8AndEmulatesBf16) {
  FakeMachine fake;
  make_laptop(fake);
  const Diagnosis found =
      examine({Host(fake.root()),
               {},
               kEngineAvx2,
               Amx::Absent,
               {{"fp32", speed(100, 380, 4)}, {"bf16", speed(95, 360, 4)}, {"int8", speed(210, 800, 4)}}});
  ASSERT_EQ(found.precisions.size(), 3u);
  EXPECT_EQ(found.precisions[0].way, Way::Native);
  EXPECT_EQ(found.precisions[1].way, Way::Emulated);
  EXPECT_EQ(found.precisions[2].way, Way::Exact);
  EXPECT_EQ(found.usable_cores(), 4);
  EXPECT_EQ(verdict(found),
            "INT8 runs exactly, by other instructions, 2.1 times as fast as FP32; BF16 is emulated, 0.9 times "
            "as fast as FP32. 2 things to change.");
  EXPECT_EQ(advice_on(found, "governor").gain, Gain::Unclear) << "intel_pstate's powersave follows the load";
  EXPECT_EQ(advice_on(found, "hyper-threads").command, "export OMP_NUM_THREADS=4 OMP_PLACES=cores OMP_PROC_BIND=close");
  expect_golden(found, "laptop");
}

TEST(Doctor, WantsTwoInstancesOnTwoSocketsAndTheKernelsPermissionForAmx) {
  FakeMachine fake;
  fake.cpus("Server CPU", kSpr, 2, 8, 2).memory(256).frequency("intel_pstate", "performance", 800, 3800, 3800);
  fake.file("/sys/devices/system/cpu/intel_pstate/no_turbo", "1").file("/proc/sys/kernel/numa_balancing", "1");
  fake.file("/sys/devices/system/cpu/cpufreq/policy0/base_frequency", "2000000");
  const Diagnosis granted = examine({Host(fake.root()), {{"OMP_NUM_THREADS", "16"}}, kEngineAmx, Amx::Granted});
  EXPECT_FALSE(advises_on(granted, "AMX"));
  EXPECT_EQ(advice_on(granted, "NUMA nodes: one process").command,
            "inc-cpp launch --instances 2 --cores-per-instance 8 --numa -- COMMAND");
  EXPECT_EQ(advice_on(granted, "turbo").gain, Gain::Large);
  EXPECT_EQ(advice_on(granted, "turbo").basis, "clock rates");
  expect_golden(granted, "server");
  const Diagnosis old = examine({Host(fake.root()), {}, kEngineBf16, Amx::NotOffered});
  EXPECT_EQ(advice_on(old, "AMX").gain, Gain::Large);
  EXPECT_EQ(advice_on(old, "AMX").command, "boot a kernel from 5.16 on (this is 6.1.0)");
  EXPECT_EQ(old.advice.front().gain, Gain::Large);
}

TEST(Doctor, FindsThatAContainersQuotaIsFarBelowItsThreads) {
  FakeMachine fake;
  fake.cpus("Server CPU", kSpr, 1, 64, 1).memory(512).file("/.dockerenv", "");
  fake.file("/proc/self/cgroup", "0::/").file("/proc/self/mounts", "cgroup /sys/fs/cgroup cgroup2 rw,nosuid 0 0");
  fake.file("/sys/fs/cgroup/cpu.max", "200000 100000").file("/sys/fs/cgroup/memory.max", "4294967296");
  const Diagnosis found = examine({Host(fake.root()), {}, kEngineAmx, Amx::Granted});
  EXPECT_EQ(found.usable_cores(), 2);
  EXPECT_EQ(found.advice.front().gain, Gain::Large);
  EXPECT_EQ(found.advice.front().command, "export OMP_NUM_THREADS=2");
  EXPECT_EQ(found.container, std::vector<std::string>{"/.dockerenv"});
  ASSERT_TRUE(found.limits.memory);
  EXPECT_EQ(found.limits.memory->amount, 4294967296.0);
  expect_golden(found, "container");
  const Diagnosis heeded = examine({Host(fake.root()), {{"OMP_NUM_THREADS", "2"}}, kEngineAmx, Amx::Granted});
  EXPECT_FALSE(advises_on(heeded, "CPUs by the quota"));
}

TEST(Doctor, CountsTheCoresOfTheCpusThatItMayUse) {
  FakeMachine fake;
  fake.cpus("Server CPU", kSpr, 2, 8, 2);
  const auto cores_with = [&](const std::string& cpus) {
    fake.file("/proc/self/status", "Cpus_allowed_list:\t" + cpus);
    return examine({Host(fake.root()), {}, kEngineAmx}).usable_cores();
  };
  EXPECT_EQ(cores_with("0-31"), 16);
  EXPECT_EQ(cores_with("0-7"), 8) << "one hyper-thread of each of eight cores";
  EXPECT_EQ(cores_with("0-3,16-19"), 4) << "both hyper-threads of four";
  EXPECT_EQ(cores_with("5"), 1);
}

TEST(Doctor, ComputesWhatAPowersaveGovernorCostsFromTheClockRates) {
  FakeMachine fake;
  fake.cpus("Old CPU", kAvx2, 1, 2, 1).memory(8).frequency("acpi-cpufreq", "powersave", 1200, 3000, 2400);
  const Diagnosis found = examine({Host(fake.root()), {}, kEngineAvx2, Amx::Absent});
  EXPECT_EQ(advice_on(found, "governor").gain, Gain::Large);
  EXPECT_EQ(advice_on(found, "governor").expect, "up to 2.5 ×: cores that stay at 1.2 GHz may rise to 3.0");
  EXPECT_EQ(advice_on(found, "capped").gain, Gain::Medium);
  EXPECT_EQ(advice_on(found, "capped").command, "sudo cpupower frequency-set --max 3000MHz");
  expect_golden(found, "powersave");
}

TEST(Doctor, ReadsTheLimitsOfBothVersionsOfCgroups) {
  FakeMachine fake;
  fake.cpus("CPU", kAvx2, 1, 8, 1);
  fake.file("/proc/self/cgroup", "4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/");
  fake.file(
      "/proc/self/mounts",
      "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0");
  fake.file("/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "150000")
      .file("/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000");
  fake.file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
  fake.file("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "9223372036854771712");
  const Limits found = limits(Host(fake.root()));
  EXPECT_EQ(found.cgroups, "version 1");
  ASSERT_TRUE(found.cpus);
  EXPECT_EQ(found.cpus->amount, 1.5);
  EXPECT_EQ(found.cpus->cgroup, "/docker/ab");
  EXPECT_FALSE(found.memory);
  EXPECT_EQ(cpu_limit(found).cpus, 2);

  FakeMachine nested;
  nested.cpus("CPU", kAvx2, 1, 8, 1)
      .file("/proc/self/cgroup", "0::/a/b")
      .file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0");
  nested.file("/sys/fs/cgroup/a/b/cpu.max", "400000 100000").file("/sys/fs/cgroup/a/cpu.max", "300000 100000");
  ASSERT_TRUE(limits(Host(nested.root())).cpus);
  EXPECT_EQ(limits(Host(nested.root())).cpus->cgroup, "/a");
}

TEST(Doctor, SaysWhatIsUnknownAndWhy) {
  FakeMachine fake;
  fake.file("/proc/cpuinfo", "processor : 0");
  const Diagnosis found = examine({Host(fake.root()), {}, kEngineAvx2});
  const auto json = nlohmann::json::parse(to_json(found));
  EXPECT_TRUE(json["cpu"]["model"].is_null());
  EXPECT_EQ(json["unknown"]["cpu.model"], "/proc/cpuinfo: no 'model name'");
  EXPECT_EQ(json["unknown"]["power.governor"], "/sys/devices/system/cpu/cpufreq: no policies");
  EXPECT_EQ(json["unknown"]["cpu.amx"], "not read");
  EXPECT_TRUE(json["layout"].is_null());
  for (const auto& [path, why] : json["unknown"].items()) EXPECT_FALSE(why.get<std::string>().empty()) << path;
  EXPECT_NE(to_text(found).find("unknown (/proc/cpuinfo: no 'model name')"), std::string::npos);
}

TEST(Doctor, LinesFitATerminalOf100Columns) {
  FakeMachine fake;
  make_laptop(fake);
  const Diagnosis found = examine({Host(fake.root()),
                                   {{"LD_PRELOAD", "/nowhere/" + std::string(40, 'x')}, {"GOMP_CPU_AFFINITY", "0-99"}},
                                   kEngineAvx2,
                                   Amx::Absent});
  std::istringstream text(to_text(found));
  for (std::string line; std::getline(text, line);) {
    const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
    EXPECT_LE(width, 100) << line;
  }
}

Diagnosis with(const std::map<std::string, std::string>& variables, const Engine& engine = kEngineBf16) {
  FakeMachine fake;
  fake.cpus("CPU", kAvx2, 1, 4, 1).memory(16).file("/proc/self/maps", "7f00-7f10 r-xp 0 00:00 1 /usr/lib/libgomp.so.1.0.0");
  return examine({Host(fake.root()), variables, engine, Amx::Absent, {{"fp32", speed(100, 300, 4)}}});
}

TEST(DoctorVariables, NamesThreadsThatAreTooManyTooFewOrNoNumber) {
  EXPECT_TRUE(with({{"OMP_NUM_THREADS", "4"}}).advice.empty());
  EXPECT_EQ(advice_on(with({{"OMP_NUM_THREADS", "8"}}), "OMP_NUM_THREADS=8").gain, Gain::Large);
  const Advice few = advice_on(with({{"OMP_NUM_THREADS", "1"}}), "1 of 4 cores");
  EXPECT_EQ(few.basis, "measured");
  EXPECT_EQ(few.expect, "up to 3.0 × in the latency of one process (FP32, matrix product)");
  EXPECT_EQ(advice_on(with({{"OMP_NUM_THREADS", "many"}}), "not a number").command, "unset OMP_NUM_THREADS");
  EXPECT_TRUE(advises_on(with({{"OMP_THREAD_LIMIT", "2"}}), "OMP_THREAD_LIMIT=2"));
}

TEST(DoctorVariables, NamesWhatIsIgnoredOrInConflict) {
  EXPECT_EQ(advice_on(with({{"KMP_BLOCKTIME", "1"}, {"KMP_AFFINITY", "compact"}}), "KMP_AFFINITY, KMP_BLOCKTIME").gain,
            Gain::None);
  EXPECT_TRUE(
      advises_on(with({{"GOMP_CPU_AFFINITY", "0-3"}, {"OMP_PROC_BIND", "false"}}), "is ignored: OMP_PROC_BIND=false"));
  EXPECT_TRUE(advises_on(with({{"GOMP_CPU_AFFINITY", "0-7"}}), "may not use: 4-7"));
  EXPECT_TRUE(advises_on(with({{"LD_PRELOAD", "/nowhere/libjemalloc.so.2"}}), "/nowhere/libjemalloc.so.2"));
  EXPECT_EQ(advice_on(with({{"INC_MAX_IAS", "avx2"}}), "INC_MAX_IAS").command, "export INC_MAX_ISA=avx2; unset INC_MAX_IAS");
  EXPECT_EQ(advice_on(with({{"ONEDNN_DEFAULT_FPMATH_MODE", "BF16"}}), "FPMATH").gain, Gain::None);
}

TEST(DoctorVariables, NamesWhatHoldsKernelsBack) {
  EXPECT_EQ(advice_on(with({{"INC_MAX_ISA", "avx2"}}, kEngineAvx2), "kernels stop at avx2").gain, Gain::Large);
  EXPECT_EQ(advice_on(with({{"ONEDNN_VERBOSE", "1"}}), "prints a line").command, "unset ONEDNN_VERBOSE");
  EXPECT_FALSE(advises_on(with({{"ONEDNN_VERBOSE", "0"}}), "prints a line"));
}

TEST(Allocators, AreFoundWhereTheLoaderLooks) {
  FakeMachine fake;
  fake.file("/etc/ld.so.conf.d/a.conf", "# ours\n/opt/lib")
      .file("/opt/lib/libjemalloc.so.2", "")
      .file("/usr/lib/libtcmalloc_minimal.so.4", "");
  const Host host(fake.root());
  EXPECT_EQ(*find_allocator(host, {}, "jemalloc"), "/opt/lib/libjemalloc.so.2");
  EXPECT_EQ(*find_allocator(host, {}, "tcmalloc"), "/usr/lib/libtcmalloc_minimal.so.4");
  fake.file("/home/me/lib/libjemalloc.so", "");
  EXPECT_EQ(*find_allocator(host, {{"LD_LIBRARY_PATH", "/home/me/lib"}}, "jemalloc"), "/home/me/lib/libjemalloc.so");
  const auto missing = find_allocator(host, {}, "mimalloc");
  EXPECT_FALSE(missing);
  EXPECT_NE(missing.why_not().find("libmimalloc.so: not in /opt/lib, "), std::string::npos) << missing.why_not();
}

TEST(Doctor, ExaminesThisMachine) {
  const Diagnosis found = diagnose({.probe = false});
  EXPECT_GE(found.usable_cores(), 1);
  EXPECT_FALSE(found.engine.isa.empty());
  EXPECT_TRUE(nlohmann::json::accept(to_json(found)));
}

}  // namespace
}  // namespace inc::app
