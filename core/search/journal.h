#pragma once
// journal.jsonl: one line per event (events.h), appended and fsynced. The first line pins what the run is about.
#include <filesystem>
#include <memory>
#include <string>

#include "core/search/events.h"

namespace inc::search {

/// One run at a time: a journal in use by another process is refused with a ConfigError by everything here.
class Journal {
 public:
  /// Starts a new journal; an old one is replaced at once or not at all. Throws BackendError.
  static Journal create(const std::filesystem::path& path, const RunIdentity& identity);
  /// Continues one; `history` receives its observations and sensitivities. A torn last line is dropped with a warning and
  /// cut off; a journal that lost even its first line is started anew.
  /// Throws ConfigError when it belongs to another run (naming what differs), is no journal, or is damaged before its last
  /// line.
  static Journal resume(const std::filesystem::path& path, const RunIdentity& identity, History& history);
  /// What the one there is about; nothing where its first line is torn. Throws DataError.
  static std::optional<RunIdentity> identity(const std::filesystem::path& path);
  /// Removes one, where there is one.
  static void discard(const std::filesystem::path& path);
  /// Appends and fsyncs. Throws BackendError (disk full), after which the journal is as before.
  void append(const Event& event);

 private:
  Journal(std::filesystem::path path, std::shared_ptr<const int> fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  std::shared_ptr<const int> fd_;
};

}  // namespace inc::search
