#include "core/eval/image.h"

#include <gmock/gmock.h>
#include <jpeglib.h>
#include <png.h>

#include <cstdio>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void write_png(const std::filesystem::path& path, int width, int height, std::uint32_t format,
               const std::vector<std::uint8_t>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr), 0) << image.message;
}

void write_jpeg(const std::filesystem::path& path, int width, int height, J_COLOR_SPACE space, int channels,
                const std::vector<std::uint8_t>& pixels) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  jpeg_stdio_dest(&info, file);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(pixels.data()) + info.next_scanline * static_cast<unsigned>(width * channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::fclose(file);
}

std::vector<std::uint8_t> filled(std::initializer_list<int> pixel, int pixels) {
  std::vector<std::uint8_t> out;
  for (int i = 0; i < pixels; ++i)
    for (const int v : pixel) out.push_back(static_cast<std::uint8_t>(v));
  return out;
}

TEST(ReadImage, PngKeepsPixelsInRgbOrder) {
  const Scratch scratch;
  write_png(scratch.path() / "a.png", 2, 1, PNG_FORMAT_RGB, {1, 2, 3, 250, 251, 252});
  const ir::Tensor image = read_image(scratch.path() / "a.png");
  EXPECT_THAT(image.shape(), ElementsAre(1, 2, 3));
  EXPECT_THAT(list<std::uint8_t>(image), ElementsAre(1, 2, 3, 250, 251, 252));
}

TEST(ReadImage, PngGreyIsRepeatedAndAlphaDropped) {
  const Scratch scratch;
  write_png(scratch.path() / "g.png", 2, 1, PNG_FORMAT_GRAY, {7, 200});
  write_png(scratch.path() / "a.png", 1, 1, PNG_FORMAT_RGBA, {10, 20, 30, 128});
  EXPECT_THAT(list<std::uint8_t>(read_image(scratch.path() / "g.png")), ElementsAre(7, 7, 7, 200, 200, 200));
  EXPECT_THAT(list<std::uint8_t>(read_image(scratch.path() / "a.png")), ElementsAre(10, 20, 30));
}

TEST(ReadImage, JpegDecodesFlatColour) {
  const Scratch scratch;
  write_jpeg(scratch.path() / "c.jpg", 9, 5, JCS_RGB, 3, filled({200, 100, 50}, 45));
  const ir::Tensor image = read_image(scratch.path() / "c.jpg");
  EXPECT_THAT(image.shape(), ElementsAre(5, 9, 3));
  const auto values = list<std::uint8_t>(image);
  const int expected[] = {200, 100, 50};
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i % 3], 2) << i;
}

TEST(ReadImage, JpegGreyIsRepeated) {
  const Scratch scratch;
  write_jpeg(scratch.path() / "g.jpg", 4, 4, JCS_GRAYSCALE, 1, filled({90}, 16));
  const ir::Tensor image = read_image(scratch.path() / "g.jpg");
  EXPECT_THAT(image.shape(), ElementsAre(4, 4, 3));
  EXPECT_THAT(list<std::uint8_t>(image), Each(90));
}

TEST(ReadImage, JpegInksAreConvertedAsAdobeStoresThem) {
  const Scratch scratch;
  write_jpeg(scratch.path() / "k.jpg", 8, 8, JCS_CMYK, 4, filled({255, 0, 128, 255}, 64));
  const auto values = list<std::uint8_t>(read_image(scratch.path() / "k.jpg"));
  EXPECT_NEAR(values[0], 255, 2);
  EXPECT_NEAR(values[1], 0, 2);
  EXPECT_NEAR(values[2], 128, 2);
}

TEST(ReadImage, DamagedFilesAreDataErrorsThatNameTheFile) {
  const Scratch scratch;
  write_png(scratch.path() / "a.png", 8, 8, PNG_FORMAT_RGB, filled({1, 2, 3}, 64));
  write_jpeg(scratch.path() / "a.jpg", 64, 64, JCS_RGB, 3, filled({9, 99, 199}, 4096));
  for (const std::string name : {"a.png", "a.jpg"}) {
    const std::string whole = read_file(scratch.path() / name);
    for (std::size_t size = 0; size + 12 < whole.size(); size += 1 + whole.size() / 40) {
      scratch.write("cut_" + name, whole.substr(0, size));
      const auto message = message_of<DataError>([&] { read_image(scratch.path() / ("cut_" + name)); });
      EXPECT_THAT(message, HasSubstr("cut_" + name)) << size;
    }
  }
  scratch.write("t.jpg", "not an image");
  EXPECT_THAT(message_of<DataError>([&] { read_image(scratch.path() / "t.jpg"); }), HasSubstr("JPEG or PNG expected"));
  EXPECT_THROW(read_image(scratch.path() / "absent.png"), DataError);
}

ir::Tensor grey(std::int64_t height, std::int64_t width, const std::vector<std::uint8_t>& values) {
  return ir::Tensor::of<std::uint8_t>({height, width, 1}, values);
}

TEST(Resize, ShrinkingBilinearAveragesWithATriangle) {
  const auto out = list<std::uint8_t>(resize(grey(1, 4, {0, 100, 200, 40}), 1, 2, Interpolation::Bilinear));
  EXPECT_THAT(out, ElementsAre((0 * 3 + 100 * 3 + 200 * 1 + 3) / 7, (100 * 1 + 200 * 3 + 40 * 3 + 3) / 7));
}

TEST(Resize, GrowingBilinearInterpolatesBetweenCentres) {
  EXPECT_THAT(list<std::uint8_t>(resize(grey(1, 2, {0, 100}), 1, 4, Interpolation::Bilinear)), ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(list<std::uint8_t>(resize(grey(2, 1, {0, 100}), 4, 1, Interpolation::Bilinear)), ElementsAre(0, 25, 75, 100));
}

TEST(Resize, NearestTakesThePixelUnderTheCentre) {
  EXPECT_THAT(list<std::uint8_t>(resize(grey(1, 5, {1, 2, 3, 4, 5}), 1, 2, Interpolation::Nearest)), ElementsAre(2, 4));
}

TEST(Resize, BicubicOvershootIsClampedForBytesAndKeptForFloats) {
  const auto bytes = list<std::uint8_t>(resize(grey(1, 4, {0, 0, 255, 255}), 1, 8, Interpolation::Bicubic));
  EXPECT_EQ(bytes[6], 255);
  const auto wide = resize(ir::Tensor::of<float>({1, 4, 1}, {0, 0, 255, 255}), 1, 8, Interpolation::Bicubic);
  EXPECT_GT(list<float>(wide)[5], 255.0f);
}

TEST(Resize, RefusesOtherTypesAndRanks) {
  EXPECT_THROW(resize(ir::Tensor::of<std::int64_t>({1, 1, 1}, {1}), 2, 2, Interpolation::Bilinear), DataError);
  EXPECT_THROW(resize(ir::Tensor::of<float>({2}, {1, 2}), 2, 2, Interpolation::Bilinear), DataError);
}

}  // namespace
}  // namespace inc::eval
