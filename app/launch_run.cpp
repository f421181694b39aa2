#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "app/launch.h"
#include "core/base/error.h"

namespace inc::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLook = 250;  // milliseconds; another thread of this process may have swallowed a SIGCHLD

/// Signals become readable instead of interrupting, while it lives.
class Signals {
 public:
  Signals() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&wanted, signal);
    ::sigprocmask(SIG_BLOCK, &wanted, &before_);
    file_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    if (file_ < 0) throw BackendError(fmt::format("signalfd: {}", std::strerror(errno)));
  }
  ~Signals() {
    ::close(file_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  int file() const { return file_; }
  /// The next one that has come; 0: none.
  int next() const {
    signalfd_siginfo info;
    return ::read(file_, &info, sizeof info) == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t before_;
  int file_ = -1;
};

/// One stream of an instance, passed on line by line.
class Lines {
 public:
  Lines(std::size_t instance, std::FILE* target) : prefix_(fmt::format("[{}] ", instance)), target_(target) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw BackendError(fmt::format("pipe: {}", std::strerror(errno)));
    read_ = ends[0];
    write_ = ends[1];
    ::fcntl(read_, F_SETFL, O_NONBLOCK);
  }
  int read_end() const { return read_; }
  int write_end() const { return write_; }
  void started() { ::close(write_); }
  bool open() const { return read_ >= 0; }

  void pass_on() {
    char buffer[65536];
    ssize_t count = 0;
    while (open() && ((count = ::read(read_, buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)))
      if (count > 0) unread_.append(buffer, static_cast<std::size_t>(count));
    end_lines_at_returns();
    const auto end = unread_.rfind('\n');
    if (end != std::string::npos) print(end + 1);
    if (count == 0) finish();
  }
  void finish() {
    if (!open()) return;
    if (!unread_.empty()) unread_ += '\n';
    print(unread_.size());
    ::close(read_);
    read_ = -1;
  }

 private:
  /// Progress bars overwrite their line: each state becomes a line.
  void end_lines_at_returns() {
    for (auto at = unread_.find("\r\n"); at != std::string::npos; at = unread_.find("\r\n", at)) unread_.erase(at, 1);
    std::replace(unread_.begin(), unread_.end(), '\r', '\n');
  }

  void print(std::size_t size) {
    for (std::size_t begin = 0; begin < size;) {
      const std::size_t end = unread_.find('\n', begin) + 1;
      std::fwrite(prefix_.data(), 1, prefix_.size(), target_);
      std::fwrite(unread_.data() + begin, 1, end - begin, target_);
      begin = end;
    }
    std::fflush(target_);
    unread_.erase(0, size);
  }

  std::string prefix_, unread_;
  std::FILE* target_;
  int read_ = -1, write_ = -1;
};

std::vector<std::string> numbered(std::vector<std::string> command, std::size_t instance) {
  constexpr std::string_view kMark = "{instance}";
  const std::string number = std::to_string(instance);
  for (std::string& word : command)
    for (auto at = word.find(kMark); at != std::string::npos; at = word.find(kMark, at + number.size()))
      word.replace(at, kMark.size(), number);
  return command;
}

class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {}
  ~Run() { signal_all(SIGKILL); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start(const LaunchPlan& plan, const std::vector<std::string>& command) {
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    lines_.reserve(2 * plan.instances.size());
    for (std::size_t i = 0; i < plan.instances.size(); ++i) {
      lines_.emplace_back(i, stdout);
      lines_.emplace_back(i, stderr);
      Lines &out = lines_[2 * i], &err = lines_[2 * i + 1];
      running_.push_back(start_process(fmt::format("instance {}", i), numbered(command, i), plan.instances[i],
                                       {nothing, out.write_end(), err.write_end()}, true));
      out.started();
      err.started();
    }
    ::close(nothing);
  }

  int wait() {
    while (std::any_of(running_.begin(), running_.end(), [](pid_t process) { return process > 0; })) {
      poll_once();
      for (int signal = signals_.next(); signal != 0; signal = signals_.next())
        if (signal != SIGCHLD) pass_on(signal);
      for (Lines& lines : lines_) lines.pass_on();
      reap();
    }
    for (Lines& lines : lines_) {
      lines.pass_on();
      lines.finish();
    }
    return code_;
  }

 private:
  void poll_once() {
    std::vector<pollfd> files{{signals_.file(), POLLIN, 0}};
    for (const Lines& lines : lines_)
      if (lines.open()) files.push_back({lines.read_end(), POLLIN, 0});
    int milliseconds = kLook;
    if (stopping_) {
      const double spent = std::chrono::duration<double>(Clock::now() - stopped_at_).count();
      if (spent >= options_.grace_seconds) signal_all(SIGKILL);
      milliseconds = static_cast<int>(1e3 * std::max(0.1, options_.grace_seconds - spent));
    }
    ::poll(files.data(), files.size(), milliseconds);
  }

  /// From now on they end as they like.
  void pass_on(int signal) {
    asked_to_end_ = true;
    signal_all(signal);
  }

  void signal_all(int signal) const {
    for (const pid_t process : running_)
      if (process > 0) ::kill(-process, signal);
  }

  void reap() {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      int status = 0;
      if (running_[i] <= 0 || ::waitpid(running_[i], &status, WNOHANG) != running_[i]) continue;
      running_[i] = 0;
      ended(i, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
  }

  void ended(std::size_t instance, int code) {
    if (code == 0) return;
    if (code_ == 0) code_ = code;
    if (stopping_ || asked_to_end_) return;
    const bool others = std::any_of(running_.begin(), running_.end(), [](pid_t process) { return process > 0; });
    std::fprintf(stderr, "instance %zu: exit code %d%s\n", instance, code,
                 others && !options_.keep_going ? ", the others are stopped" : "");
    if (options_.keep_going) return;
    stopping_ = true;
    stopped_at_ = Clock::now();
    signal_all(SIGTERM);
  }

  RunOptions options_;
  Signals signals_;
  std::vector<Lines> lines_;
  std::vector<pid_t> running_;
  int code_ = 0;
  bool stopping_ = false, asked_to_end_ = false;
  Clock::time_point stopped_at_;
};

}  // namespace

int run_launch(const LaunchPlan& plan, const std::vector<std::string>& command, const RunOptions& options) {
  Run run(options);
  run.start(plan, command);
  return run.wait();
}

}  // namespace inc::app
