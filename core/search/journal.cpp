#include "core/search/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"

namespace inc::search {
namespace {

/// What a first line begins with.
constexpr std::string_view kFirst = R"({"event":{"kind":"run",)";

/// Whether a journal that was cut, or whose blocks never reached the disk, may look like this.
bool torn_first_line(std::string_view text) {
  if (text.find_first_not_of('\0') == std::string_view::npos) return true;
  return text.find('\n') == std::string_view::npos && text.substr(0, kFirst.size()) == kFirst.substr(0, text.size());
}

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int error) {
  throw BackendError(fmt::format("cannot {} journal '{}': {}", what, path.string(), std::strerror(error)));
}

/// Open, and locked until it is closed; null where there is no such file. A file system without locks is taken as it is.
std::shared_ptr<const int> open_locked(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return nullptr;
  if (fd < 0) fail("open", path, errno);
  std::shared_ptr<const int> out(new int(fd), [](const int* open) {
    ::close(*open);
    delete open;
  });
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw ConfigError(fmt::format("journal '{}' is in use by another run", path.string()));
  return out;
}

/// 0, or why not.
int write_and_flush(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

/// So that the name of a new file is on the disk too.
void flush_directory(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

void take(const Event& event, const RunIdentity& identity, const std::filesystem::path& path, History& history) {
  if (const auto* id = std::get_if<RunIdentity>(&event)) {
    if (const std::string differs = difference(*id, identity); !differs.empty())
      throw ConfigError(fmt::format("cannot resume from '{}': it belongs to another run: {}", path.string(), differs));
  } else if (const auto* seen = std::get_if<Observation>(&event)) {
    history.push(*seen);
  } else {
    history.set(std::get<Sensitivity>(event));
  }
}

}  // namespace

Journal Journal::create(const std::filesystem::path& path, const RunIdentity& identity) {
  const auto old = open_locked(path);
  write_file_atomically(path, line_of(identity));
  flush_directory(path);
  auto fd = open_locked(path);
  if (!fd) fail("open", path, ENOENT);
  return Journal(path, std::move(fd));
}

Journal Journal::resume(const std::filesystem::path& path, const RunIdentity& identity, History& history) {
  auto fd = open_locked(path);
  if (!fd) fail("open", path, ENOENT);
  const std::string text = read_file(path);
  const auto drop = [&] { log::warning(fmt::format("journal '{}': dropped its torn last line", path.string())); };
  std::size_t good = 0, line_number = 0;
  while (good < text.size()) {
    const std::size_t end = text.find('\n', good);
    const auto event = event_of(std::string_view(text).substr(good, end - good));
    const bool first = line_number++ == 0, last = end == std::string::npos || end + 1 == text.size();
    if (end == std::string::npos || !event || std::holds_alternative<RunIdentity>(*event) != first) {
      if (first && !torn_first_line(text)) throw ConfigError(fmt::format("'{}' is not a journal", path.string()));
      if (!last) throw ConfigError(fmt::format("journal '{}': line {} is damaged", path.string(), line_number));
      drop();
      break;
    }
    take(*event, identity, path, history);
    good = end + 1;
  }
  if (good == 0) {
    fd.reset();
    return create(path, identity);
  }
  if (good < text.size() && ::ftruncate(*fd, static_cast<off_t>(good)) != 0) fail("truncate", path, errno);
  return Journal(path, std::move(fd));
}

std::optional<RunIdentity> Journal::identity(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  const auto event = event_of(std::string_view(text).substr(0, text.find('\n')));
  if (!event || !std::holds_alternative<RunIdentity>(*event)) return std::nullopt;
  return std::get<RunIdentity>(*event);
}

void Journal::discard(const std::filesystem::path& path) {
  if (const auto fd = open_locked(path)) remove_file(path);
}

void Journal::append(const Event& event) {
  const off_t before = ::lseek(*fd_, 0, SEEK_END);
  const int error = write_and_flush(*fd_, line_of(event));
  if (error == 0) return;
  if (before >= 0 && ::ftruncate(*fd_, before) == 0) ::fsync(*fd_);
  fail("write", path_, error);
}

}  // namespace inc::search
