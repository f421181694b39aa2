#pragma once
// Bytes of files: compressed streams (zlib) and zip archives, with every length checked. All faults are DataErrors naming
// the file.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace inc::eval {

/// Bytes and whoever keeps them alive.
struct Blob {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> keeper;
};

/// The file, decompressed when it begins with gzip's magic.
Blob read_maybe_gzip(const std::filesystem::path& path);

struct ZipMember {
  std::string name;
  std::uint16_t method = 0;  ///< 0 stored, 8 deflated
  std::uint32_t crc = 0;
  std::uint64_t stored_bytes = 0, bytes = 0, offset = 0;  ///< offset: of the local header
};
/// The members of a zip archive, in the order of its directory.
std::vector<ZipMember> zip_members(const Blob& archive, const std::filesystem::path& path);
/// The content of a member; a stored one borrows from the archive. Checks the checksum.
Blob zip_read(const Blob& archive, const ZipMember& member, const std::filesystem::path& path);

}  // namespace inc::eval
