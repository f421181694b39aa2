#pragma once
// journal.jsonl: one line per event, checksummed, appended and fsynced. The first line pins what the run is about.
#include <filesystem>
#include <string>

#include "core/search/search.h"

namespace inc::search {

/// Identity of a run: a journal with another identity is refused on resume.
struct RunIdentity {
  std::string model_hash, data_hash, space_hash, strategy, version;
  std::uint64_t seed = 0;
  bool operator==(const RunIdentity&) const = default;
};

class Journal {
 public:
  /// Starts a new journal, replacing an old one. Throws BackendError.
  static Journal create(const std::filesystem::path& path, const RunIdentity& identity);
  /// Continues one; `history` receives its observations. A torn last line is dropped with a warning and cut off; a journal
  /// that lost even its first line is started anew.
  /// Throws ConfigError when it belongs to another run (naming what differs) or is damaged before its last line.
  static Journal resume(const std::filesystem::path& path, const RunIdentity& identity, History& history);
  /// Appends and fsyncs. Throws BackendError (disk full).
  void append(const Observation& observation);

 private:
  explicit Journal(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace inc::search
