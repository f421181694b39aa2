#pragma once
// Starting a process where and how it shall run.
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace inc::app {

struct Setting {
  std::vector<int> cpus;          ///< empty: wherever this process may run
  std::vector<int> memory_nodes;  ///< memory comes from these NUMA nodes only; empty: from where the system likes
  /// What differs in its environment; nothing: the variable is removed.
  std::map<std::string, std::optional<std::string>> variables;
};

/// Ends of pipes or files; -1: as this process's.
struct Streams {
  int in = -1, out = -1, err = -1;
};

/// Starts `command`; the first word is looked up in PATH. It gets SIGTERM when this process dies. With `own_group` it
/// leads a process group, and signals from the terminal do not reach it. `name` is for messages. Throws BackendError with
/// the step that the system refuses, or ConfigError where there is no such program.
pid_t start_process(const std::string& name, const std::vector<std::string>& command, const Setting& setting,
                    const Streams& streams, bool own_group = false);

}  // namespace inc::app
