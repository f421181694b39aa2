#include "core/eval/image.h"

#include <fmt/format.h>

#include <cstring>

#include "core/base/file.h"

namespace inc::eval {

ir::Tensor read_image(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  const auto begins_with = [&](std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  };
  if (begins_with("\xff\xd8")) return decode_jpeg(bytes, path.string());
  if (begins_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes, path.string());
  throw DataError(fmt::format("cannot decode image '{}': an unknown format of {} bytes found, JPEG or PNG expected",
                              path.string(), bytes.size()));
}

}  // namespace inc::eval
