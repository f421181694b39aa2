#include "app/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "app/topology.h"
#include "core/base/error.h"

namespace inc::app {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw BackendError(fmt::format("pipe: {}", std::strerror(errno)));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

}  // namespace

Worker::Worker(std::string name, const std::vector<std::string>& command, const Setting& setting) : name_(std::move(name)) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe orders, answers;
  process_ = start_process(name_, command, setting, {orders.read, answers.write, -1});
  orders_ = std::exchange(orders.write, -1);
  answers_ = std::exchange(answers.read, -1);
}

Worker::Worker(Worker&& other) noexcept
    : name_(std::move(other.name_)),
      unread_(std::move(other.unread_)),
      process_(std::exchange(other.process_, -1)),
      orders_(std::exchange(other.orders_, -1)),
      answers_(std::exchange(other.answers_, -1)) {}

Worker::~Worker() {
  if (orders_ >= 0) ::close(orders_);
  if (answers_ >= 0) ::close(answers_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

void Worker::send(const std::string& order) {
  const std::string line = order + "\n";
  if (::write(orders_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw BackendError(name_ + ": has ended");
}

std::string Worker::receive() {
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char buffer[4096];
    const ssize_t count = ::read(answers_, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw BackendError(name_ + ": has ended without an answer");
    unread_.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace inc::app
