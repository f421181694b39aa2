#include "core/eval/bytes.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"

namespace inc::eval {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 30;

class Inflater {
 public:
  explicit Inflater(int window_bits) : ok_(inflateInit2(&stream_, window_bits) == Z_OK) {}
  ~Inflater() {
    if (ok_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Inflates everything; nullptr when the stream is damaged, ends early or yields more than `limit` bytes.
  std::shared_ptr<std::vector<std::byte>> run(std::span<const std::byte> source, std::size_t expected, std::size_t limit) {
    auto out = std::make_shared<std::vector<std::byte>>(expected + 4096);
    std::size_t read = 0, written = 0;
    int status = ok_ ? Z_OK : Z_MEM_ERROR;
    while (status == Z_OK) {
      if (written == out->size()) {
        if (written > limit) return nullptr;
        expect_memory(out->size() * 2);
        out->resize(out->size() * 2);
      }
      const std::size_t take = std::min(kStep, source.size() - read), room = std::min(kStep, out->size() - written);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(source.data() + read));
      stream_.avail_in = static_cast<uInt>(take);
      stream_.next_out = reinterpret_cast<Bytef*>(out->data() + written);
      stream_.avail_out = static_cast<uInt>(room);
      status = inflate(&stream_, Z_NO_FLUSH);
      read += take - stream_.avail_in;
      written += room - stream_.avail_out;
    }
    if (status != Z_STREAM_END || written > limit) return nullptr;
    out->resize(written);
    return out;
  }

 private:
  z_stream stream_{};
  bool ok_;
};

std::uint64_t little(std::span<const std::byte> bytes, std::size_t offset, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= static_cast<std::uint64_t>(bytes[offset + i]) << (8 * i);
  return value;
}

[[noreturn]] void bad_zip(const std::filesystem::path& path, const std::string& found, const std::string& expected) {
  throw DataError(fmt::format("cannot read archive '{}': {} found, {} expected", path.string(), found, expected));
}

constexpr std::uint32_t kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50, kCentral = 0x02014b50,
                        kLocal = 0x04034b50;

struct Directory {
  std::uint64_t entries = 0, offset = 0;
};

Directory find_directory(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  if (bytes.size() < 22) bad_zip(path, fmt::format("{} bytes", bytes.size()), "at least 22");
  const std::size_t lowest = bytes.size() > 22 + 65535 ? bytes.size() - 22 - 65535 : 0;
  std::size_t at = bytes.size() - 22;
  while (little(bytes, at, 4) != kEnd) {
    if (at == lowest) bad_zip(path, "no end record", "a zip archive");
    --at;
  }
  Directory directory{little(bytes, at + 10, 2), little(bytes, at + 16, 4)};
  if (at >= 20 && little(bytes, at - 20, 4) == kLocator64) {
    const std::uint64_t end64 = little(bytes, at - 12, 8);
    if (end64 > bytes.size() - 56 || bytes.size() < 56 || little(bytes, end64, 4) != kEnd64)
      bad_zip(path, "a misplaced 64-bit end record", "one inside the file");
    directory = {little(bytes, end64 + 32, 8), little(bytes, end64 + 48, 8)};
  }
  return directory;
}

void apply_zip64(ZipMember& member, std::span<const std::byte> extra) {
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const auto id = little(extra, at, 2), length = little(extra, at + 2, 2);
    at += 4;
    if (at + length > extra.size()) return;
    if (id == 1) {
      std::size_t field = at;
      for (auto* value : {&member.bytes, &member.stored_bytes, &member.offset}) {
        if (*value != 0xffffffffu || field + 8 > at + length) continue;
        *value = little(extra, field, 8);
        field += 8;
      }
    }
    at += length;
  }
}

}  // namespace

Blob read_maybe_gzip(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (bytes.size() < 2 || little(bytes, 0, 2) != 0x8b1f) return {bytes, file};
  const auto plain = Inflater(16 + MAX_WBITS).run(bytes, bytes.size() * 4, std::size_t{1} << 36);
  if (!plain)
    throw DataError(
        fmt::format("cannot decompress '{}': a damaged or truncated stream found, gzip expected", path.string()));
  return {*plain, plain};
}

std::vector<ZipMember> zip_members(const Blob& archive, const std::filesystem::path& path) {
  const auto bytes = archive.bytes;
  const Directory directory = find_directory(bytes, path);
  std::vector<ZipMember> members;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (at > bytes.size() || bytes.size() - at < 46 || little(bytes, at, 4) != kCentral)
      bad_zip(path, fmt::format("no directory entry {}", i), fmt::format("{} entries", directory.entries));
    const auto name = little(bytes, at + 28, 2), extra = little(bytes, at + 30, 2), comment = little(bytes, at + 32, 2);
    if (bytes.size() - at - 46 < name + extra + comment) bad_zip(path, "a truncated directory", "a whole one");
    ZipMember member;
    member.method = static_cast<std::uint16_t>(little(bytes, at + 10, 2));
    member.crc = static_cast<std::uint32_t>(little(bytes, at + 16, 4));
    member.stored_bytes = little(bytes, at + 20, 4);
    member.bytes = little(bytes, at + 24, 4);
    member.offset = little(bytes, at + 42, 4);
    member.name.assign(reinterpret_cast<const char*>(bytes.data()) + at + 46, name);
    apply_zip64(member, bytes.subspan(at + 46 + name, extra));
    members.push_back(std::move(member));
    at += 46 + name + extra + comment;
  }
  return members;
}

Blob zip_read(const Blob& archive, const ZipMember& member, const std::filesystem::path& path) {
  const auto bytes = archive.bytes;
  if (member.offset > bytes.size() || bytes.size() - member.offset < 30 || little(bytes, member.offset, 4) != kLocal)
    bad_zip(path, fmt::format("no header for member '{}'", member.name), "one at its offset");
  const std::uint64_t begin =
      member.offset + 30 + little(bytes, member.offset + 26, 2) + little(bytes, member.offset + 28, 2);
  if (begin > bytes.size() || bytes.size() - begin < member.stored_bytes)
    bad_zip(path, fmt::format("a truncated member '{}'", member.name), fmt::format("{} bytes", member.stored_bytes));
  const auto stored = bytes.subspan(begin, member.stored_bytes);
  Blob content{stored, archive.keeper};
  if (member.method == 8) {
    const std::size_t plausible = std::min<std::uint64_t>(member.bytes, std::uint64_t{stored.size()} * 1032 + 64);
    const auto plain = Inflater(-MAX_WBITS).run(stored, plausible, member.bytes);
    if (!plain) bad_zip(path, fmt::format("a damaged member '{}'", member.name), "a deflated stream");
    content = {*plain, plain};
  } else if (member.method != 0) {
    bad_zip(path, fmt::format("compression method {} for member '{}'", member.method, member.name), "stored or deflated");
  }
  if (content.bytes.size() != member.bytes)
    bad_zip(path, fmt::format("{} bytes in member '{}'", content.bytes.size(), member.name),
            fmt::format("{}", member.bytes));
  const auto crc =
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(content.bytes.data()), content.bytes.size());
  if (crc != member.crc)
    bad_zip(path, fmt::format("checksum {:08x} of member '{}'", crc, member.name), fmt::format("{:08x}", member.crc));
  return content;
}

}  // namespace inc::eval
