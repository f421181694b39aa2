#include "app/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

extern char** environ;

namespace inc::app {

Known<std::string> Host::text(const std::string& path) const {
  errno = 0;
  std::ifstream file(below(path));
  if (!file) return Known<std::string>::unknown(fmt::format("{}: {}", path, std::strerror(errno != 0 ? errno : ENOENT)));
  std::string all{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return Known<std::string>::unknown(fmt::format("{}: cannot be read", path));
  all.erase(all.find_last_not_of(" \n\t\r\0") + 1);
  return all;
}

Known<std::int64_t> Host::number(const std::string& path) const {
  const auto found = text(path);
  if (!found) return Known<std::int64_t>::unknown(found.why_not());
  std::int64_t value = 0;
  const char* end = found->data() + found->size();
  if (const auto parsed = std::from_chars(found->data(), end, value); parsed.ec != std::errc{} || parsed.ptr != end)
    return Known<std::int64_t>::unknown(fmt::format("{}: '{}' found, a number expected", path, *found));
  return value;
}

std::vector<std::string> Host::lines(const std::string& path) const {
  std::vector<std::string> out;
  std::istringstream all(text(path).value_or(""));
  for (std::string line; std::getline(all, line);) out.push_back(line);
  return out;
}

bool Host::exists(const std::string& path) const {
  std::error_code ignored;
  return std::filesystem::exists(below(path), ignored);
}

std::vector<std::string> Host::entries(const std::string& directory) const {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(below(directory), failed), end; !failed && at != end; at.increment(failed))
    names.push_back(at->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos)
      all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return all;
}

std::vector<int> parse_cpu_list(const std::string& text) {
  constexpr int kMost = 1 << 16;
  std::vector<int> cpus;
  std::istringstream list(text);
  for (std::string part; std::getline(list, part, ',');) {
    int first = 0, last = 0;
    const char* end = part.data() + part.size();
    const auto start = std::from_chars(part.data(), end, first);
    if (start.ec != std::errc{}) break;
    last = first;
    if (start.ptr != end && *start.ptr == '-' && std::from_chars(start.ptr + 1, end, last).ec != std::errc{}) break;
    if (first < 0 || last >= kMost) break;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::string cpu_list(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
    if (end - i > 1) text += fmt::format("{}{}", end - i > 2 ? "-" : ",", cpus[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace inc::app
