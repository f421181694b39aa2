#pragma once
// A YAML document as a plain tree with places: the only file pair that touches yaml-cpp's reader.
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"

namespace inc::config {

struct Entry;
struct Tree {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  std::string text;  ///< of a scalar, variables expanded
  bool quoted = false;
  std::vector<Tree> items;
  std::vector<Entry> entries;  ///< in file order, keys unique
  std::string where;           ///< "file:line:column", or "--set key.path=value"

  const Entry* find(std::string_view key) const noexcept;
  bool empty() const noexcept { return kind != Kind::Scalar && items.empty() && entries.empty(); }
};
struct Entry {
  std::string key;
  std::string where;
  Tree value;
};

/// Throws ConfigError at `where`: "where: message".
[[noreturn]] void fail_at(const std::string& where, const std::string& message);

inline constexpr std::size_t kMaxBytes = 1 << 20;
/// Throws ConfigError for a document of more than kMaxBytes.
void check_size(std::size_t bytes, const std::string& file);

/// Parses one document, resolves aliases and merge keys (<<), expands variables. Throws ConfigError with the place.
Tree parse_tree(const std::string& text, const std::string& file);

/// Sets the value at a dotted path, creating maps on the way. Throws ConfigError naming the override.
void apply_override(Tree& root, const Override& override);

}  // namespace inc::config
