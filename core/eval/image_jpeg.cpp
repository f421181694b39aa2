#include <fmt/format.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
// After jpeglib.h.
#include <jerror.h>

#include "core/eval/image.h"

namespace inc::eval {
namespace {

struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr common) {
  auto* decoder = static_cast<Decoder*>(common->client_data);
  common->err->format_message(common, decoder->message);
  std::longjmp(decoder->escape, 1);
}

void judge_warning(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      give_up(common);
    default:
      return;
  }
}

bool begin(Decoder& decoder, const unsigned char* data, std::size_t size) {
  if (setjmp(decoder.escape) != 0) return false;
  jpeg_create_decompress(&decoder.info);
  decoder.info.client_data = &decoder;
  jpeg_mem_src(&decoder.info, data, static_cast<unsigned long>(size));
  jpeg_read_header(&decoder.info, TRUE);
  const bool inks = decoder.info.jpeg_color_space == JCS_CMYK || decoder.info.jpeg_color_space == JCS_YCCK;
  const bool grey = decoder.info.jpeg_color_space == JCS_GRAYSCALE;
  decoder.info.out_color_space = inks ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
  decoder.info.dct_method = JDCT_ISLOW;
  decoder.info.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&decoder.info);
  return true;
}

bool read_rows(Decoder& decoder, unsigned char* out, std::size_t row_bytes) {
  if (setjmp(decoder.escape) != 0) return false;
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = out + decoder.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

unsigned char multiply(unsigned a, unsigned b) noexcept {
  const unsigned product = a * b + 128;
  return static_cast<unsigned char>(((product >> 8) + product) >> 8);
}

void to_rgb(const unsigned char* source, std::size_t pixels, int channels, unsigned char* out) {
  for (std::size_t i = 0; i < pixels; ++i, source += channels, out += 3) {
    if (channels == 1) {
      std::memset(out, source[0], 3);
    } else if (channels == 3) {
      std::memcpy(out, source, 3);
    } else {
      for (int c = 0; c < 3; ++c) out[c] = static_cast<unsigned char>(source[3] - multiply(255u - source[c], source[3]));
    }
  }
}

class Guard {
 public:
  explicit Guard(Decoder& decoder) : decoder_(decoder) {}
  ~Guard() { jpeg_destroy_decompress(&decoder_.info); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Decoder& decoder_;
};

}  // namespace

ir::Tensor decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder{};
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.info.client_data = &decoder;
  decoder.errors.error_exit = give_up;
  decoder.errors.emit_message = judge_warning;
  const Guard guard(decoder);
  const auto fail = [&]() -> DataError {
    return DataError(fmt::format("cannot decode image '{}': {} found, a whole JPEG file expected", name, decoder.message));
  };
  if (!begin(decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())) throw fail();
  const std::int64_t height = decoder.info.output_height, width = decoder.info.output_width;
  const int channels = decoder.info.output_components;
  ir::Tensor image(DType::UInt8, {height, width, 3});
  auto* out = reinterpret_cast<unsigned char*>(image.mutable_raw());
  if (channels == 3) {
    if (!read_rows(decoder, out, static_cast<std::size_t>(width) * 3)) throw fail();
    return image;
  }
  ir::Tensor raw(DType::UInt8, {height, width, channels});
  auto* source = reinterpret_cast<unsigned char*>(raw.mutable_raw());
  if (!read_rows(decoder, source, static_cast<std::size_t>(width * channels))) throw fail();
  to_rgb(source, static_cast<std::size_t>(height * width), channels, out);
  return image;
}

}  // namespace inc::eval
