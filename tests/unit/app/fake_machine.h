#pragma once
// A machine made of files: what procfs, sysfs and cgroups say, in a directory that is removed afterwards.
#include <filesystem>
#include <string>

namespace inc::app {

class FakeMachine {
 public:
  FakeMachine();
  ~FakeMachine();
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;
  const std::filesystem::path& root() const { return root_; }

  FakeMachine& file(const std::string& path, const std::string& text);
  /// /proc/cpuinfo, sysfs topology and NUMA nodes. CPU c and its hyper-thread c + sockets × cores share a core.
  FakeMachine& cpus(const std::string& model, const std::string& flags, int sockets, int cores_each, int threads_each);
  FakeMachine& memory(int gib);
  /// In every policy.
  FakeMachine& frequency(const std::string& driver, const std::string& governor, int lowest_mhz, int highest_mhz,
                         int cap_mhz);

 private:
  std::filesystem::path root_;
  int cpus_ = 0;
};

}  // namespace inc::app
