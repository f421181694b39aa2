#pragma once
// Image files and resampling.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "core/ir/tensor.h"

namespace inc::eval {

/// A JPEG or PNG file as uint8 [height, width, 3], RGB. Grey is repeated, palettes are looked up, alpha is dropped,
/// 16-bit samples keep their upper byte, CMYK is converted. JPEG: accurate integer DCT and smooth chroma upsampling, so
/// the result equals Pillow's `Image.open(path).convert("RGB")`. Throws DataError naming the file when it is missing,
/// damaged, truncated, or of another format.
ir::Tensor read_image(const std::filesystem::path& path);

ir::Tensor decode_jpeg(std::span<const std::byte> bytes, const std::string& name);
ir::Tensor decode_png(std::span<const std::byte> bytes, const std::string& name);

enum class Interpolation { Nearest, Bilinear, Bicubic };

/// Resizes [height, width, channels] (uint8 or float). Bilinear and bicubic widen their filter when shrinking (antialiased);
/// uint8 is filtered in two fixed-point passes, horizontal first, and equals Pillow's Image.resize bit for bit.
ir::Tensor resize(const ir::Tensor& image, std::int64_t height, std::int64_t width, Interpolation interpolation);

}  // namespace inc::eval
