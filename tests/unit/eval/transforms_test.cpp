#include "core/eval/transforms.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The item after one transform, made as from a file.
ir::Tensor applied(config::Named transform, const ir::Tensor& item, std::uint64_t stream = 0) {
  const Scratch scratch;
  class One final : public Dataset {
   public:
    explicit One(ir::Tensor item) : item_(std::move(item)) {}
    std::int64_t size() const override { return 1 << 20; }
    Sample get(std::int64_t) const override { return {{item_}, {}}; }
    std::string describe() const override { return "one item"; }

   private:
    ir::Tensor item_;
  };
  using Maker = Transform (*)(Parameters&);
  static const std::map<std::string, Maker> kMakers{{"Resize", make_resize},
                                                    {"CenterCrop", make_center_crop},
                                                    {"CropResize", make_crop_resize},
                                                    {"CropToBoundingBox", make_crop_to_bounding_box},
                                                    {"RandomCrop", make_random_crop},
                                                    {"RandomResizedCrop", make_random_resized_crop},
                                                    {"RandomHorizontalFlip", make_random_horizontal_flip},
                                                    {"ResizeWithRatio", make_resize_with_ratio},
                                                    {"ResizeCropImagenet", make_resize_crop_imagenet},
                                                    {"LetterBox", make_letter_box},
                                                    {"Normalize", make_normalize},
                                                    {"Rescale", make_rescale},
                                                    {"Transpose", make_transpose},
                                                    {"Cast", make_cast},
                                                    {"AlignImageChannel", make_align_image_channel},
                                                    {"ToBGR", make_to_bgr}};
  Parameters parameters("transform " + transform.name, transform);
  std::vector<Transform> list{kMakers.at(transform.name)(parameters)};
  parameters.finish();
  return transformed(std::make_unique<One>(item), std::move(list), "")->get(static_cast<std::int64_t>(stream)).inputs[0];
}

ir::Tensor counting(std::int64_t height, std::int64_t width, std::int64_t channels) {
  std::vector<std::uint8_t> values(static_cast<std::size_t>(height * width * channels));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i);
  return ir::Tensor::of({height, width, channels}, values);
}

TEST(Values, RescaleDividesInFloat) {
  const auto out = list<float>(applied(named("Rescale"), ir::Tensor::of<std::uint8_t>({1, 1, 3}, {0, 77, 255})));
  EXPECT_THAT(out, ElementsAre(0.0f, 77.0f / 255.0f, 1.0f));
}

TEST(Values, NormalizeWorksPerChannelInFloat) {
  const ir::Tensor item = ir::Tensor::of<float>({1, 2, 2}, {0.25f, 0.5f, 0.75f, 1.0f});
  const auto out =
      list<float>(applied(named("Normalize", {{"mean", numbers({0.485, 0.1})}, {"std", numbers({0.229, 2})}}), item));
  EXPECT_THAT(out,
              ElementsAre((0.25f - 0.485f) / 0.229f, (0.5f - 0.1f) / 2.0f, (0.75f - 0.485f) / 0.229f, (1.0f - 0.1f) / 2.0f));
}

TEST(Values, NormalizeRefusesWrongChannelsAndZeroDeviation) {
  const ir::Tensor item = ir::Tensor::of<float>({1, 1, 3}, {1, 2, 3});
  EXPECT_THAT(message_of<DataError>([&] {
                applied(named("Normalize", {{"mean", numbers({0, 0})}}), item, 4);
              }),
              HasSubstr("while applying Normalize to sample 4 of one item"));
  EXPECT_THROW(applied(named("Normalize", {{"std", numbers({0})}}), item), ConfigError);
}

TEST(Values, TransposeReordersAxes) {
  const ir::Tensor out = applied(named("Transpose", {{"perm", integers({2, 0, 1})}}), counting(2, 2, 3));
  EXPECT_THAT(out.shape(), ElementsAre(3, 2, 2));
  EXPECT_THAT(list<std::uint8_t>(out), ElementsAre(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11));
  EXPECT_THROW(applied(named("Transpose", {{"perm", integers({0, 0, 1})}}), counting(1, 1, 1)), ConfigError);
  EXPECT_THROW(applied(named("Transpose", {{"perm", integers({0, 1})}}), counting(1, 1, 1)), DataError);
}

TEST(Values, CastConvertsAndRefusesWhatDoesNotFit) {
  const auto cast = [](const char* type, const ir::Tensor& item) {
    return applied(named("Cast", {{"dtype", text(type)}}), item);
  };
  EXPECT_THAT(list<float>(cast("float32", ir::Tensor::of<std::uint8_t>({2}, {0, 255}))), ElementsAre(0, 255));
  EXPECT_THAT(list<std::int64_t>(cast("int64", ir::Tensor::of<float>({2}, {-1.9f, 2.9f}))), ElementsAre(-1, 2));
  EXPECT_THROW(cast("uint8", ir::Tensor::of<float>({1}, {256.0f})), DataError);
  EXPECT_THROW(cast("int8", ir::Tensor::of<float>({1}, {NAN})), DataError);
  EXPECT_EQ(cast("float16", ir::Tensor::of<float>({1}, {1.0f})).dtype(), DType::Float16);
}

TEST(Values, ChannelsAreReversedAndAligned) {
  EXPECT_THAT(list<std::uint8_t>(applied(named("ToBGR"), counting(1, 2, 3))), ElementsAre(2, 1, 0, 5, 4, 3));
  EXPECT_THROW(applied(named("ToBGR"), counting(1, 2, 4)), DataError);
  const auto align = [](std::int64_t dim, const ir::Tensor& item) {
    return applied(named("AlignImageChannel", {{"dim", integer(dim)}}), item);
  };
  EXPECT_THAT(list<std::uint8_t>(align(3, counting(1, 2, 1))), ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(list<std::uint8_t>(align(3, counting(1, 2, 4))), ElementsAre(0, 1, 2, 4, 5, 6));
  EXPECT_THAT(list<std::uint8_t>(align(1, ir::Tensor::of<std::uint8_t>({1, 1, 3}, {255, 255, 255}))), ElementsAre(255));
  EXPECT_THROW(align(4, counting(1, 1, 3)), DataError);
}

TEST(Geometry, CenterCropTakesTheMiddleRoundedDown) {
  const ir::Tensor out = applied(named("CenterCrop", {{"size", integers({1, 2})}}), counting(2, 5, 1));
  EXPECT_THAT(list<std::uint8_t>(out), ElementsAre(1, 2));
  EXPECT_THAT(message_of<DataError>([] {
                applied(named("CenterCrop", {{"size", integer(3)}}), counting(2, 5, 1));
              }),
              HasSubstr("an image of 2x5 found"));
}

TEST(Geometry, ResizeTakesWidthThenHeight) {
  EXPECT_THAT(applied(named("Resize", {{"size", integers({4, 6})}}), counting(2, 5, 1)).shape(), ElementsAre(6, 4, 1));
  EXPECT_THROW(applied(named("Resize", {{"size", integer(4)}, {"interpolation", text("lanczos")}}), counting(2, 5, 1)),
               ConfigError);
}

TEST(Geometry, BoxesAreCutAndResized) {
  EXPECT_THAT(list<std::uint8_t>(applied(named("CropToBoundingBox", {{"offset_height", integer(1)},
                                                                     {"offset_width", integer(2)},
                                                                     {"target_height", integer(1)},
                                                                     {"target_width", integer(2)}}),
                                         counting(2, 5, 1))),
              ElementsAre(7, 8));
  EXPECT_THAT(
      applied(
          named("CropResize",
                {{"x", integer(0)}, {"y", integer(0)}, {"width", integer(2)}, {"height", integer(2)}, {"size", integer(3)}}),
          counting(2, 5, 1))
          .shape(),
      ElementsAre(3, 3, 1));
  EXPECT_THROW(
      applied(
          named(
              "CropResize",
              {{"x", integer(-1)}, {"y", integer(0)}, {"width", integer(2)}, {"height", integer(2)}, {"size", integer(3)}}),
          counting(2, 5, 1)),
      DataError);
}

TEST(Geometry, RandomOnesDependOnTheSampleOnly) {
  const ir::Tensor item = counting(12, 15, 1);
  for (const auto& transform : {named("RandomCrop", {{"size", integer(5)}}),
                                named("RandomResizedCrop", {{"size", integer(5)}}), named("RandomHorizontalFlip")}) {
    bool differs = false;
    for (std::uint64_t stream = 0; stream < 8; ++stream) {
      EXPECT_TRUE(ir::identical(applied(transform, item, stream), applied(transform, item, stream))) << transform.name;
      differs = differs || !ir::identical(applied(transform, item, stream), applied(transform, item, 0));
    }
    EXPECT_TRUE(differs) << transform.name;
  }
}

TEST(Geometry, LetterBoxKeepsTheAspectTopLeft) {
  const ir::Tensor out = applied(named("LetterBox", {{"size", integer(4)}, {"value", number(9)}}),
                                 ir::Tensor::of<std::uint8_t>({1, 2, 1}, {50, 50}));
  EXPECT_THAT(list<std::uint8_t>(out), ElementsAre(50, 50, 50, 50, 50, 50, 50, 50, 9, 9, 9, 9, 9, 9, 9, 9));
}

TEST(Geometry, ResizeWithRatioStaysWithinLimitsAndPads) {
  const auto resized = [](bool padding) {
    return applied(named("ResizeWithRatio", {{"min_dim", integer(4)}, {"max_dim", integer(6)}, {"padding", flag(padding)}}),
                   counting(2, 4, 1));
  };
  EXPECT_THAT(resized(false).shape(), ElementsAre(3, 6, 1));
  EXPECT_THAT(resized(true).shape(), ElementsAre(6, 6, 1));
  EXPECT_EQ(list<std::uint8_t>(resized(true))[0], 0);
}

TEST(Geometry, ResizeCropImagenetGivesNormalizedPlanes) {
  const ir::Tensor out = applied(named("ResizeCropImagenet", {{"height", integer(4)},
                                                              {"width", integer(4)},
                                                              {"resize_side", integer(4)},
                                                              {"mean_value", numbers({0.5, 0, 0})},
                                                              {"std_value", numbers({1, 1, 2})}}),
                                 ir::Tensor::of<std::uint8_t>({2, 2, 3}, std::vector<std::uint8_t>(12, 255)));
  EXPECT_THAT(out.shape(), ElementsAre(3, 4, 4));
  EXPECT_EQ(list<float>(out)[0], 0.5f);
  EXPECT_EQ(list<float>(out)[16], 1.0f);
  EXPECT_EQ(list<float>(out)[32], 0.5f);
}

/// 100 items that are said to be expensive, and how often they were asked for.
class Decoded final : public Dataset {
 public:
  explicit Decoded(int& asked) : asked_(asked) {}
  std::int64_t size() const override { return 100; }
  bool decodes() const override { return true; }
  Sample get(std::int64_t index) const override {
    ++asked_;
    return {{ir::Tensor::of<std::uint8_t>({2}, {static_cast<std::uint8_t>(index), 7})}, {}};
  }
  std::string describe() const override { return "decoded items"; }

 private:
  int& asked_;
};

TEST(Transformed, DecodesOnceAndDrawsTheSameAgain) {
  int asked = 0;
  const auto noisy = [](const ir::Tensor& item, Rng& random, Place&) {
    auto values = list<float>(item.dtype() == DType::Float ? item : cast_to(item, DType::Float));
    for (float& v : values) v += static_cast<float>(random.uniform());
    return ir::Tensor::of({2}, values);
  };
  const auto shifted = [](const ir::Tensor& item, Rng& random, Place&) {
    auto values = list<std::uint8_t>(item);
    values[1] = static_cast<std::uint8_t>(random.below(100));
    return ir::Tensor::of({2}, values);
  };
  const auto data = transformed(std::make_unique<Decoded>(asked), {{"shifted", shifted}, {"noisy", noisy}}, "");
  const auto first = list<float>(data->get(42).inputs[0]), second = list<float>(data->get(42).inputs[0]);
  EXPECT_EQ(first, second);
  EXPECT_EQ(asked, 1);
  EXPECT_NE(list<float>(data->get(43).inputs[0])[1], first[1]);
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace inc::eval
