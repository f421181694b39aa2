#pragma once
// A process of its own that takes orders as lines on its standard input and answers each with one line.
#include <string>
#include <vector>

namespace inc::app {

class Worker {
 public:
  /// Starts `command` (the first word is looked up in PATH) on the CPUs; empty: where this process may run. Its standard
  /// error is ours. `name` is for messages. Throws BackendError when it cannot be started.
  Worker(std::string name, const std::vector<std::string>& command, const std::vector<int>& cpus = {});
  /// No more orders: waits until it has ended.
  ~Worker();
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&&) = delete;

  void send(const std::string& order);
  /// The next answer. Throws BackendError when the worker has ended without one.
  std::string receive();
  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_, unread_;
  int process_ = -1, orders_ = -1, answers_ = -1;
};

}  // namespace inc::app
