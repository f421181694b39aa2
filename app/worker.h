#pragma once
// A process of its own that takes orders as lines on its standard input and answers each with one line.
#include "app/process.h"

namespace inc::app {

class Worker {
 public:
  /// As start_process(); its standard error is ours.
  Worker(std::string name, const std::vector<std::string>& command, const Setting& setting = {});
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
