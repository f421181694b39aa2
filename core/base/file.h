#pragma once
// Files: whole-file reads, read-only mappings, and writes that either happen or leave the old file in place.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace inc {

/// A read-only mapping of a whole file; the bytes live as long as the object.
class MappedFile {
 public:
  /// Throws DataError naming the path when the file cannot be opened or mapped.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
  const std::byte* data_;
  std::size_t size_;
};

/// Throws DataError naming the path.
std::string read_file(const std::filesystem::path& path);

/// A file that appears under its name when it is complete: written beside `path`, fsynced and renamed by commit(), removed
/// when that does not happen. Throws BackendError (disk full, no permission); the old file survives.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view content);
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

/// The same for content at hand.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Removes what processes that were killed have left beside `path`: files that an AtomicFile had begun. For when no other
/// process is writing that file.
void remove_unfinished(const std::filesystem::path& path);

/// Removes it where it exists. Throws BackendError.
void remove_file(const std::filesystem::path& path);

/// Creates the directory and its parents. Throws BackendError.
void make_directory(const std::filesystem::path& path);

}  // namespace inc
