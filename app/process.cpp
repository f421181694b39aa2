#include "app/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "app/topology.h"
#include "core/base/error.h"

extern char** environ;

namespace inc::app {
namespace {

constexpr int kBind = 2;  // MPOL_BIND of <linux/mempolicy.h>

enum class Step : int { Affinity, Memory, Streams, Program };
struct Refusal {
  Step step;
  int error;
};

const char* name_of(Step step) {
  switch (step) {
    case Step::Affinity:
      return "CPU affinity";
    case Step::Memory:
      return "NUMA memory policy";
    case Step::Streams:
      return "input and output";
    case Step::Program:
      return "program";
  }
  return "";
}

using Strings = std::vector<std::string>;

Strings environment_with(const std::map<std::string, std::optional<std::string>>& changes) {
  Strings entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) entries.push_back(text);
  }
  for (const auto& [name, value] : changes)
    if (value) entries.push_back(name + "=" + *value);
  return entries;
}

std::vector<char*> pointers(Strings& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<unsigned long> node_mask(const std::vector<int>& nodes) {
  constexpr int kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> mask;
  for (const int node : nodes) {
    const auto word = static_cast<std::size_t>(node / kBits);
    if (word >= mask.size()) mask.resize(word + 1);
    mask[word] |= 1UL << (node % kBits);
  }
  return mask;
}

bool connect(const Streams& streams) {
  const int ends[] = {streams.in, streams.out, streams.err};
  for (int target = 0; target < 3; ++target)
    if (ends[target] >= 0 && ::dup2(ends[target], target) < 0) return false;
  return true;
}

/// In the child: what can fail, in order. Returns what did.
Step become(const Setting& setting, const std::vector<unsigned long>& memory, const Streams& streams, char** command,
            char** environment) {
  if (!setting.cpus.empty() && !pin_to(setting.cpus)) return Step::Affinity;
  if (!memory.empty() &&
      ::syscall(SYS_set_mempolicy, kBind, memory.data(), 8 * sizeof(unsigned long) * memory.size() + 1) != 0)
    return Step::Memory;
  if (!connect(streams)) return Step::Streams;
  ::execvpe(command[0], command, environment);
  return Step::Program;
}

void forget_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

[[noreturn]] void throw_refusal(const std::string& name, const std::string& program, const Refusal& refusal) {
  if (refusal.step == Step::Program && (refusal.error == ENOENT || refusal.error == EACCES))
    throw ConfigError(fmt::format("{}: '{}': {}", name, program, std::strerror(refusal.error)));
  throw BackendError(
      fmt::format("{}: cannot be started: {}: {}", name, name_of(refusal.step), std::strerror(refusal.error)));
}

}  // namespace

pid_t start_process(const std::string& name, const std::vector<std::string>& command, const Setting& setting,
                    const Streams& streams, bool own_group) {
  Strings words = command, entries = environment_with(setting.variables);
  auto arguments = pointers(words), environment = pointers(entries);
  const auto memory = node_mask(setting.memory_nodes);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) throw BackendError(fmt::format("{}: pipe: {}", name, std::strerror(errno)));
  const pid_t process = ::fork();
  if (process == 0) {
    if (own_group) ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    forget_signals();
    const Step step = become(setting, memory, streams, arguments.data(), environment.data());
    const Refusal refusal{step, errno};
    (void)!::write(report[1], &refusal, sizeof refusal);
    ::_exit(127);
  }
  const int why = errno;
  ::close(report[1]);
  Refusal refusal{};
  const bool refused = process > 0 && ::read(report[0], &refusal, sizeof refusal) == static_cast<ssize_t>(sizeof refusal);
  ::close(report[0]);
  if (process < 0) throw BackendError(fmt::format("{}: cannot be started: {}", name, std::strerror(why)));
  if (!refused) return process;
  ::waitpid(process, nullptr, 0);
  throw_refusal(name, command.front(), refusal);
}

}  // namespace inc::app
