#pragma once
// Files in which the system says what it is (procfs, sysfs, cgroups), below a root that tests can make themselves.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace inc::app {

/// A fact, or the reason why it is not known.
template <class T>
class Known {
 public:
  Known() : why_("not read") {}
  Known(T value) : value_(std::move(value)) {}  // NOLINT: a value is a known value
  static Known unknown(std::string why) { return Known(std::move(why), Absent{}); }
  explicit operator bool() const noexcept { return value_.has_value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  const std::string& why_not() const noexcept { return why_; }
  T value_or(T other) const { return value_.value_or(std::move(other)); }

 private:
  struct Absent {};
  Known(std::string why, Absent) : why_(std::move(why)) {}
  std::optional<T> value_;
  std::string why_;
};

class Host {
 public:
  explicit Host(std::filesystem::path root = "/") : root_(std::move(root)) {}
  const std::filesystem::path& root() const noexcept { return root_; }
  bool is_this_machine() const { return root_ == "/"; }
  /// The whole file without white space at its end; "/proc/version" is meant below the root. The reason names the file.
  Known<std::string> text(const std::string& path) const;
  Known<std::int64_t> number(const std::string& path) const;
  /// As text(), by lines; empty where it cannot be read.
  std::vector<std::string> lines(const std::string& path) const;
  bool exists(const std::string& path) const;
  /// Names in a directory, sorted; empty where it cannot be read.
  std::vector<std::string> entries(const std::string& directory) const;

 private:
  std::filesystem::path below(const std::string& path) const { return root_ / path.substr(path.starts_with('/') ? 1 : 0); }
  std::filesystem::path root_;
};

/// The variables of this process.
std::map<std::string, std::string> environment();

/// The kernel's lists of CPUs: "0-3,8" and back. Text of another form ends the list.
std::vector<int> parse_cpu_list(const std::string& text);
std::string cpu_list(std::vector<int> cpus);

}  // namespace inc::app
