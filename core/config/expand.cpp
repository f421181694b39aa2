#include "core/config/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/config/tree.h"

namespace inc::config {
namespace {

constexpr int kMaxNesting = 8;
constexpr std::size_t kShown = 60;

bool is_name(std::string_view text) {
  const auto part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::all_of(text.begin(), text.end(), part);
}

std::size_t closing_brace(const std::string& text, std::size_t open, const std::string& where) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  fail_at(where, fmt::format("'${{' without '}}' in '{}'", text.substr(0, kShown)));
}

std::string expand(const std::string& text, const std::string& where, int nesting) {
  if (nesting > kMaxNesting) fail_at(where, fmt::format("variables are nested more than {} deep", kMaxNesting));
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      result += "${";
      i += 3;
      continue;
    }
    if (text.compare(i, 2, "${") != 0) {
      result += text[i++];
      continue;
    }
    const std::size_t end = closing_brace(text, i, where);
    const std::string inside = text.substr(i + 2, end - i - 2);
    const std::size_t dash = inside.find(":-");
    const std::string name = inside.substr(0, dash);
    if (!is_name(name)) fail_at(where, fmt::format("'{}' is not the name of a variable", name.substr(0, kShown)));
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && (*value != '\0' || dash == std::string::npos)) {
      result += value;
    } else if (dash != std::string::npos) {
      result += expand(inside.substr(dash + 2), where, nesting + 1);
    } else {
      fail_at(where, fmt::format("environment variable '{0}' is not set; set it or write ${{{0}:-default}}", name));
    }
    i = end + 1;
  }
  return result;
}

}  // namespace

std::string expand_variables(const std::string& text, const std::string& where) {
  return text.find("${") == std::string::npos ? text : expand(text, where, 0);
}

std::string escape_variables(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) result += '$';
    result += text[i];
  }
  return result;
}

}  // namespace inc::config
