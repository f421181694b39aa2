#include <fmt/format.h>
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/eval/image.h"

namespace inc::eval {
namespace {

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> rest;
  std::string message;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp text) {
  static_cast<Decoder*>(png_get_error_ptr(png))->message = text;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void supply(png_structp png, png_bytep out, std::size_t size) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (size > decoder->rest.size()) png_error(png, "the end of the file");
  std::memcpy(out, decoder->rest.data(), size);
  decoder->rest = decoder->rest.subspan(size);
}

bool begin(Decoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_read_fn(decoder.png, &decoder, supply);
  png_read_info(decoder.png, decoder.info);
  png_set_strip_16(decoder.png);
  png_set_palette_to_rgb(decoder.png);
  png_set_expand_gray_1_2_4_to_8(decoder.png);
  png_set_gray_to_rgb(decoder.png);
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  return true;
}

bool read_rows(Decoder& decoder, png_bytepp rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_image(decoder.png, rows);
  png_read_end(decoder.png, nullptr);
  return true;
}

}  // namespace

ir::Tensor decode_png(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder;
  decoder.rest = bytes;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  const auto fail = [&]() -> DataError {
    return DataError(fmt::format("cannot decode image '{}': {} found, a whole PNG file expected", name, decoder.message));
  };
  if (decoder.info == nullptr) throw BackendError("cannot start libpng: no memory");
  if (!begin(decoder)) throw fail();
  const std::int64_t height = png_get_image_height(decoder.png, decoder.info);
  const std::int64_t width = png_get_image_width(decoder.png, decoder.info);
  if (png_get_rowbytes(decoder.png, decoder.info) != static_cast<std::size_t>(width) * 3)
    throw DataError(fmt::format("cannot decode image '{}': rows of {} bytes found, {} expected", name,
                                png_get_rowbytes(decoder.png, decoder.info), width * 3));
  ir::Tensor image(DType::UInt8, {height, width, 3});
  auto* out = reinterpret_cast<png_bytep>(image.mutable_raw());
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (std::int64_t y = 0; y < height; ++y) rows[static_cast<std::size_t>(y)] = out + y * width * 3;
  if (!read_rows(decoder, rows.data())) throw fail();
  return image;
}

}  // namespace inc::eval
