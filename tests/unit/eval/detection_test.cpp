#include "core/eval/detection.h"

#include <gmock/gmock.h>
#include <png.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/eval/average_precision.h"
#include "core/eval/datasets.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ir::Tensor;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void write_picture(const std::filesystem::path& path, unsigned width, unsigned height) {
  std::filesystem::create_directories(path.parent_path());
  const std::vector<std::uint8_t> pixels(std::size_t{3} * width * height, 7);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr), 0);
}

Tensor zeros(ir::Shape shape) {
  return Tensor::of<float>(shape, std::vector<float>(static_cast<std::size_t>(ir::element_count(shape))));
}

Tensor truth(std::vector<TrueBox> boxes, std::int64_t picture = 0, Place place = {.width = 100, .height = 100}) {
  return to_tensor({picture, place, std::move(boxes)});
}

TrueBox known(Box box, std::int64_t label, bool crowd = false) {
  return {box, label, box.area(), crowd};
}

PrecisionSetup at_half(std::int64_t points = 101) {
  return {.thresholds = {0.5}, .points = points};
}

double precision_of(const AveragePrecision& all, std::size_t area = 0) {
  const auto means = all.means();
  return means[area].precision.at(0);
}

constexpr Box kHere{0, 0, 10, 10}, kThere{50, 50, 70, 70}, kNowhere{80, 0, 90, 10};

TEST(Overlap, IsTheSharedPartOfBoth) {
  EXPECT_DOUBLE_EQ(overlap({0, 0, 10, 10}, {5, 0, 15, 10}), 50.0 / 150);
  EXPECT_EQ(overlap(kHere, kThere), 0);
  EXPECT_EQ(overlap({3, 3, 3, 3}, {3, 3, 3, 3}), 0);
  EXPECT_EQ(overlap({10, 10, 0, 0}, kHere), 0);
}

TEST(AveragePrecisionOfBoxes, InterpolatesAsCocoAndVocDo) {
  for (const auto& [points, wanted] :
       {std::pair{101, (51 + 50 * 2.0 / 3) / 101}, {11, (6 + 5 * 2.0 / 3) / 11}, {0, (1 + 2.0 / 3) / 2}}) {
    AveragePrecision all(at_half(points));
    all.add(0, std::vector<Detection>{{kHere, 0.9, 1}, {kNowhere, 0.8, 1}, {kThere, 0.7, 1}},
            std::vector{known(kHere, 1), known(kThere, 1)});
    EXPECT_NEAR(precision_of(all), wanted, 1e-14 * static_cast<double>(points + 1)) << points;
    EXPECT_DOUBLE_EQ(all.means()[0].recall[0], 1.0);
  }
}

TEST(AveragePrecisionOfBoxes, CountsEachTrueBoxOnce) {
  AveragePrecision all(at_half(0));
  all.add(0, std::vector<Detection>{{kHere, 0.9, 1}, {kHere, 0.8, 1}, {kThere, 0.7, 1}},
          std::vector{known(kHere, 1), known(kThere, 1)});
  EXPECT_DOUBLE_EQ(precision_of(all), 0.5 + 0.5 * 2 / 3);
}

TEST(AveragePrecisionOfBoxes, IsTheMeanOverClassesThatHaveTrueBoxes) {
  AveragePrecision all(at_half());
  all.add(0, std::vector<Detection>{{kHere, 0.9, 1}, {kHere, 0.9, 7}}, std::vector{known(kHere, 1), known(kThere, 2)});
  EXPECT_DOUBLE_EQ(precision_of(all), 0.5);
}

TEST(AveragePrecisionOfBoxes, DetectionsInCrowdsDoNotCount) {
  AveragePrecision all(at_half());
  const Box small{52, 52, 56, 56};
  all.add(0, std::vector<Detection>{{small, 0.95, 1}, {small, 0.93, 1}, {kHere, 0.9, 1}},
          std::vector{known(kThere, 1, true), known(kHere, 1)});
  EXPECT_DOUBLE_EQ(precision_of(all), 1.0);
}

TEST(AveragePrecisionOfBoxes, AreasAreLookedAtApart) {
  AveragePrecision all(at_half());
  const Box large{0, 0, 200, 200};
  all.add(0, std::vector<Detection>{{kHere, 0.9, 1}, {{300, 300, 500, 500}, 0.8, 1}},
          std::vector{known(kHere, 1), known(large, 1)});
  EXPECT_DOUBLE_EQ(precision_of(all, 1), 1.0) << "the large wrong one is not small";
  EXPECT_EQ(precision_of(all, 3), 0.0);
  EXPECT_TRUE(all.means()[2].precision.empty()) << "no true box of medium area";
}

TEST(AveragePrecisionOfBoxes, OnlyTheBestOfAPictureCount) {
  PrecisionSetup setup = at_half();
  setup.max_detections = 1;
  AveragePrecision all(setup);
  all.add(0, std::vector<Detection>{{kThere, 0.7, 1}, {kHere, 0.9, 1}}, std::vector{known(kHere, 1), known(kThere, 1)});
  EXPECT_DOUBLE_EQ(precision_of(all), 51.0 / 101);
}

TEST(AveragePrecisionOfBoxes, OrderOfPicturesDoesNotMatterEvenWhereScoresAreEqual) {
  Rng random(3);
  struct Picture {
    std::vector<Detection> found;
    std::vector<TrueBox> boxes;
  };
  std::vector<Picture> pictures(40);
  for (auto& picture : pictures)
    for (int i = 0; i < 12; ++i) {
      const double x = random.uniform() * 50, y = random.uniform() * 50;
      const Box box{x, y, x + 20, y + 20};
      const auto label = static_cast<std::int64_t>(random.below(3));
      picture.found.push_back({box, 0.1 * static_cast<double>(random.below(4)), label});
      if (i % 3 == 0) picture.boxes.push_back(known(box, label));
    }
  AveragePrecision forth({{0.5, 0.7}, 101, 100}), back({{0.5, 0.7}, 101, 100});
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    forth.add(static_cast<std::int64_t>(i), pictures[i].found, pictures[i].boxes);
    const std::size_t j = pictures.size() - 1 - i;
    back.add(static_cast<std::int64_t>(j), pictures[j].found, pictures[j].boxes);
  }
  EXPECT_EQ(forth.means()[0].precision, back.means()[0].precision);
}

/// Boxes, scores and classes of one sample each, as a detector with its own suppression gives them.
struct Found {
  std::vector<float> boxes, scores;
  std::vector<std::int64_t> classes;
};

double map_of(const config::ParameterMap& parameters, const Found& found, const Tensor& label) {
  const auto n = static_cast<std::int64_t>(found.scores.size());
  const auto metric = make_metric(named("COCOmAP", parameters));
  metric->update(std::vector{Tensor::of<float>({1, n, 4}, found.boxes), Tensor::of<float>({1, n}, found.scores),
                             Tensor::of<std::int64_t>({1, n}, found.classes)},
                 std::vector{zeros({1, 3, 100, 100})}, std::vector{label}, {});
  return metric->value();
}

TEST(CocoMap, ReadsBoxesInEveryForm) {
  const Tensor label = truth({known({10, 20, 30, 60}, 5)});
  const auto value = [&](const char* format, const char* unit, std::vector<float> box) {
    return map_of({{"box_format", text(format)}, {"box_unit", text(unit)}}, {std::move(box), {0.5f}, {5}}, label);
  };
  EXPECT_EQ(value("yxyx", "relative", {0.2f, 0.1f, 0.6f, 0.3f}), 1);
  EXPECT_EQ(value("xyxy", "pixels", {10, 20, 30, 60}), 1);
  EXPECT_EQ(value("xywh", "pixels", {10, 20, 20, 40}), 1);
  EXPECT_EQ(value("cxcywh", "pixels", {20, 40, 20, 40}), 1);
  EXPECT_EQ(value("xyxy", "pixels", {20, 10, 60, 30}), 0);
}

TEST(CocoMap, TakesBoxesBackToThePictureOfTheFile) {
  const Place place{.scale_x = 0.5, .scale_y = 0.25, .shift_x = 3, .shift_y = 4, .width = 50, .height = 60};
  const Tensor label = truth({known({10, 20, 30, 60}, 5)}, 0, place);
  EXPECT_EQ(map_of({{"box_format", text("xyxy")}, {"box_unit", text("pixels")}}, {{8, 9, 18, 19}, {0.5f}, {5}}, label), 1);
}

TEST(CocoMap, FindsOutputsByTheirMapping) {
  const auto metric = make_metric(named(
      "COCOmAPv2",
      {{"output_index_mapping",
        map({{"num_detections", integer(0)}, {"boxes", integer(1)}, {"scores", integer(3)}, {"classes", integer(2)}})}}));
  const std::vector outputs{Tensor::of<float>({1}, {1}), Tensor::of<float>({1, 2, 4}, {0.f, 0.f, 0.1f, 0.1f, 0, 0, 1, 1}),
                            Tensor::of<float>({1, 2}, {1, 1}), Tensor::of<float>({1, 2}, {0.3f, 0.9f})};
  metric->update(outputs, std::vector{zeros({1, 3, 100, 100})}, std::vector{truth({known({0, 0, 10, 10}, 1)})}, {});
  EXPECT_DOUBLE_EQ(metric->value(), 1.0) << "the second row is beyond num_detections";
  EXPECT_FALSE(metric->details().empty());
  EXPECT_EQ(metric->sample_scores(), nullptr);
}

TEST(CocoMap, SamplesWithoutDetectionsAreSamples) {
  const auto metric = make_metric(named("COCOmAP"));
  metric->update(std::vector{zeros({1, 0, 4}), zeros({1, 0}), Tensor(DType::Int64, {1, 0})},
                 std::vector{zeros({1, 3, 100, 100})}, std::vector{truth({known(kHere, 1)})}, {});
  EXPECT_EQ(metric->value(), 0.0);
}

TEST(CocoMap, NamesWhatDoesNotFit) {
  const Tensor label = truth({known(kHere, 1)});
  const auto message = [&](const Found& found, const Tensor& wanted) {
    return message_of<DataError>([&] { map_of({}, found, wanted); });
  };
  EXPECT_THAT(message({{0, 0, 1, kNan}, {0.5f}, {1}}, label), AllOf(HasSubstr("sample 0 is not finite"), HasSubstr("nan")));
  EXPECT_THAT(message({{0, 0, 1, 1}, {kNan}, {1}}, label), HasSubstr("is not finite"));
  EXPECT_THAT(message({{0, 0, 1, 1}, {0.5f}, {-3}}, label), HasSubstr("class of sample 0 is not usable: -3 found"));
  EXPECT_THAT(message({{0, 0, 1, 1}, {0.5f}, {1}}, truth({})), HasSubstr("no value: 0 true boxes"));
  EXPECT_THAT(message({{0, 0, 1, 1}, {0.5f}, {1}}, Tensor::scalar<std::int64_t>(1)),
              HasSubstr("the boxes of a detection data set expected"));
  EXPECT_THAT(message_of<ConfigError>([] {
                make_metric(named("mAP", {{"iou_thrs", text("0.5:0:1")}}));
              }),
              HasSubstr("iou_thrs"));
  EXPECT_THAT(message_of<ConfigError>([] {
                make_metric(named("mAP", {{"iou_thrs", numbers({0})}}));
              }),
              HasSubstr("iou_thrs"));
}

/// Outputs of one sample after steps.
std::vector<Tensor> after(const std::vector<config::Named>& steps, std::vector<Tensor> outputs, const Tensor& label = {}) {
  class Spy final : public Metric {
   public:
    explicit Spy(std::vector<Tensor>& seen) : seen_(seen) {}
    std::string name() const override { return "spy"; }
    bool needs_labels() const override { return false; }
    void update(std::span<const Tensor> outputs, std::span<const Tensor>, std::span<const Tensor> labels,
                std::span<const Tensor>) override {
      seen_.assign(outputs.begin(), outputs.end());
      seen_.insert(seen_.end(), labels.begin(), labels.end());
    }
    double value() const override { return 0; }
    void reset() override {}

   private:
    std::vector<Tensor>& seen_;
  };
  std::vector<Tensor> seen;
  std::vector<Tensor> labels;
  if (label.defined()) labels.push_back(label);
  postprocessed(std::make_unique<Spy>(seen), steps)->update(outputs, std::vector{zeros({1, 3, 16, 16})}, labels, {});
  return seen;
}

TEST(YoloxDecode, AddsTheCellAndScalesByTheStride) {
  std::vector<float> head;
  for (int cell = 0; cell < 5; ++cell)
    for (const float v : {0.5f, 0.25f, 0.0f, std::log(2.0f), 0.5f, 1.0f, 0.5f}) head.push_back(v);
  const auto out = after({named("YOLOXDecode", {{"strides", integers({8, 16})}, {"size", integer(16)}})},
                         {Tensor::of<float>({1, 5, 7}, head)});
  ASSERT_EQ(out.size(), 2u);
  const auto boxes = list<float>(out[0]);
  const auto box = [&](std::size_t i) {
    return std::vector<float>(boxes.begin() + 4 * static_cast<std::ptrdiff_t>(i),
                              boxes.begin() + 4 * static_cast<std::ptrdiff_t>(i) + 4);
  };
  const auto pixels = [](std::initializer_list<float> v) {
    std::vector<::testing::Matcher<float>> all;
    for (const float x : v) all.push_back(::testing::FloatEq(x / 16));
    return ::testing::ElementsAreArray(all);
  };
  EXPECT_THAT(box(0), pixels({2 - 8, 4 - 4, 2 + 8, 4 + 4})) << "top, left, bottom, right";
  EXPECT_THAT(box(1), pixels({2 - 8, 12 - 4, 2 + 8, 12 + 4})) << "the next cell is to the right";
  EXPECT_THAT(box(2), pixels({10 - 8, 4 - 4, 10 + 8, 4 + 4}));
  EXPECT_THAT(box(4), pixels({4 - 16, 8 - 8, 4 + 16, 8 + 8})) << "the only cell of stride 16";
  EXPECT_EQ(list<float>(out[1])[0], 0.5f);
  EXPECT_EQ(list<float>(out[1])[1], 0.25f);
}

TEST(YoloxDecode, NamesTheSampleThatDoesNotFit) {
  const auto decode = named("YOLOXDecode", {{"size", integer(16)}});
  EXPECT_THAT(message_of<DataError>([&] {
                after({decode}, {zeros({1, 3, 7})});
              }),
              AllOf(HasSubstr("3 boxes found, 5 expected for 16 x 16"), HasSubstr("while applying YOLOXDecode")));
  EXPECT_THAT(message_of<DataError>([&] {
                after({decode}, {zeros({1, 5, 4})});
              }),
              HasSubstr("[samples, boxes, 5 + classes] expected"));
  std::vector<float> head(35, 0.0f);
  head[12] = kNan;
  EXPECT_THAT(message_of<DataError>([&] {
                after({decode}, {Tensor::of<float>({1, 5, 7}, head)});
              }),
              HasSubstr("sample 0 is not finite"));
  EXPECT_THAT(message_of<DataError>([&] {
                after({named("YOLOXDecode")}, {zeros({1, 5, 7})}, Tensor::scalar<std::int64_t>(3));
              }),
              HasSubstr("the boxes of a detection data set expected"));
}

TEST(Nms, KeepsTheBestOfThoseThatOverlap) {
  const Tensor boxes = Tensor::of<float>({1, 4, 4}, {0, 0, 10, 10, 0, 1, 10, 11, 0, 20, 10, 30, 0, 0, 10, 9});
  const Tensor scores = Tensor::of<float>({1, 4, 2}, {0.5f, 0, 0.9f, 0, 0.1f, 0.01f, 0, 0.8f});
  const auto kept = [&](config::ParameterMap parameters) {
    parameters.emplace_back("iou_threshold", number(0.5));
    const auto out = after({named("NMS", std::move(parameters))}, {boxes, scores});
    EXPECT_EQ(out.size(), 4u);
    EXPECT_EQ(list<std::int64_t>(out[3]).at(0), out[1].shape()[1]);
    return std::pair(list<float>(out[1]), list<std::int64_t>(out[2]));
  };
  EXPECT_THAT(kept({}).first, ElementsAre(0.9f, 0.8f, 0.1f)) << "0.01 is not above 0.01; the other class covers nothing";
  EXPECT_THAT(kept({}).second, ElementsAre(0, 1, 0));
  EXPECT_THAT(kept({{"class_aware", flag(false)}}).first, ElementsAre(0.9f, 0.1f));
  EXPECT_THAT(kept({{"max_detections", integer(1)}}).first, ElementsAre(0.9f));
  EXPECT_THAT(kept({{"score_threshold", number(0)}, {"classes", text("best")}}).first, ElementsAre(0.9f, 0.8f, 0.1f));
  EXPECT_THAT(kept({{"score_threshold", number(0)}}).first, ElementsAre(0.9f, 0.8f, 0.1f, 0.01f));
  EXPECT_THAT(kept({{"score_threshold", number(1)}}).first, ElementsAre());
}

TEST(LabelShift, TakesANumberOffLabels) {
  EXPECT_EQ(
      after({named("LabelShift", integer(1))}, {zeros({1, 2})}, Tensor::scalar<std::int64_t>(5)).at(1).to_int64s().at(0), 4);
  const auto boxes = after({named("LabelShift", {{"label_shift", integer(-1)}})}, {zeros({1, 2})}, truth({known(kHere, 5)}));
  EXPECT_EQ(truth_of(boxes.at(1), 0).boxes.at(0).label, 6);
  EXPECT_THAT(message_of<DataError>([] {
                after({named("LabelShift", integer(1))}, {zeros({1, 2})}, Tensor::scalar<float>(5));
              }),
              HasSubstr("label of sample 0 is no class"));
}

TEST(Postprocess, LeavesAMeanMetricAMeanMetric) {
  const auto metric = postprocessed(make_metric(named("topk", integer(1))),
                                    {named("LabelShift", integer(1)), named("Collect", {{"length", integer(2)}})});
  metric->update(std::vector{Tensor::of<float>({2, 2}, {1, 2, 1, 2})}, {},
                 std::vector{Tensor::scalar<std::int64_t>(2), Tensor::scalar<std::int64_t>(1)}, {});
  EXPECT_EQ(metric->value(), 0.5);
  ASSERT_NE(metric->sample_scores(), nullptr);
  EXPECT_THAT(metric->sample_scores()->sums, ElementsAre(1, 0));
  EXPECT_TRUE(metric->score_bounds().tight);
  EXPECT_THAT(message_of<ConfigError>([] { postprocessed(make_metric(named("topk")), {named("SquadV1")}); }),
              HasSubstr("not supported postprocess transform"));
}

/// A picture of 40 x 20 with a box in the middle of its right half.
std::unique_ptr<const Dataset> yolo(const Scratch& scratch, std::vector<config::Named> transforms,
                                    const std::string& labels = "3 0.75 0.5 0.25 0.5\n") {
  write_picture(scratch.path() / "images/a.png", 40, 20);
  scratch.write("labels/a.txt", labels);
  return make_dataset(
      loader(named("YOLODetection", {{"images", text("images")}, {"labels", text("labels")}}), std::move(transforms)),
      scratch.path());
}

TEST(YoloDetection, TurnsSharesIntoPixels) {
  const Scratch scratch;
  write_picture(scratch.path() / "images/b.png", 8, 8);
  const auto data = yolo(scratch, {}, "3 0.75 0.5 0.25 0.5 0.99\r\n\n0 1.0 0.5 0.5 0.2");
  ASSERT_EQ(data->size(), 2);
  const Truth found = truth_of(data->get(0).label, 0);
  ASSERT_EQ(found.boxes.size(), 2u);
  const Box& box = found.boxes[0].box;
  EXPECT_THAT((std::vector{box.left, box.top, box.right, box.bottom}), ElementsAre(25, 5, 35, 15));
  EXPECT_EQ(found.boxes[0].label, 3);
  EXPECT_EQ(found.boxes[0].area, 100);
  EXPECT_EQ(found.boxes[1].box.right, 50) << "boxes may reach beyond the picture";
  const Truth empty = truth_of(data->get(1).label, 1);
  EXPECT_TRUE(empty.boxes.empty());
  EXPECT_EQ(empty.picture, 1);
}

TEST(YoloDetection, NamesTheLineAtFault) {
  const Scratch scratch;
  const auto message = [&](const std::string& labels) { return message_of<DataError>([&] { yolo(scratch, {}, labels); }); };
  EXPECT_THAT(message("3 0.5 0.5 0.5 0.5\n1 0.5 x 0.1 0.1\n"),
              AllOf(HasSubstr("a.txt:2: '1 0.5 x 0.1 0.1' found"), HasSubstr("four numbers")));
  EXPECT_THAT(message("1 0.5\n"), HasSubstr("a.txt:1"));
  EXPECT_THAT(message("-1 0.5 0.5 0.1 0.1\n"), HasSubstr("class -1 found"));
  EXPECT_THAT(message("1.5 0.5 0.5 0.1 0.1\n"), HasSubstr("class 1.5 found"));
  EXPECT_THAT(message("1 320 240 64 64\n"), HasSubstr("one inside a picture of 1 x 1"));
  EXPECT_THAT(message("1 0.5 0.5 -0.1 0.1\n"), HasSubstr("sizes that are not negative"));
  EXPECT_THAT(message("1 nan 0.5 0.1 0.1\n"), HasSubstr("finite numbers"));
  std::filesystem::remove(scratch.path() / "labels/a.txt");
  const auto load = [&] {
    make_dataset(loader(named("YOLODetection", {{"images", text("images")}, {"labels", text("labels")}})), scratch.path());
  };
  EXPECT_THAT(message_of<DataError>(load), HasSubstr("no .txt file for any of 1 images"));
  std::filesystem::remove_all(scratch.path() / "images");
  EXPECT_THAT(message_of<DataError>(load), HasSubstr("cannot list"));
}

TEST(Place, FollowsThePictureThroughEveryTransform) {
  struct Case {
    std::vector<config::Named> transforms;
    Box wanted;  ///< where the box of 25, 5 to 35, 15 is
    std::int64_t width, height;
  };
  const std::vector<Case> cases{
      {{named("LetterBox", integer(80))}, {50, 10, 70, 30}, 80, 80},
      {{named("LetterBox", {{"size", integer(80)}, {"align", text("center")}})}, {50, 30, 70, 50}, 80, 80},
      {{named("Resize", integers({20, 40}))}, {12.5, 10, 17.5, 30}, 20, 40},
      {{named("CenterCrop", integers({10, 20}))}, {15, 0, 25, 10}, 20, 10},
      {{named("CropToBoundingBox", {{"offset_height", integer(5)},
                                    {"offset_width", integer(20)},
                                    {"target_height", integer(10)},
                                    {"target_width", integer(15)}})},
       {5, 0, 15, 10},
       15,
       10},
      {{named(
           "CropResize",
           {{"y", integer(5)}, {"x", integer(20)}, {"height", integer(10)}, {"width", integer(20)}, {"size", integer(40)}})},
       {10, 0, 30, 40},
       40,
       40},
      {{named("ResizeWithRatio", {{"min_dim", integer(40)}, {"max_dim", integer(80)}, {"padding", flag(true)}})},
       {50, 30, 70, 50},
       80,
       80},
      {{named("ResizeCropImagenet", {{"height", integer(20)}, {"width", integer(20)}, {"resize_side", integer(20)}})},
       {15, 5, 25, 15},
       20,
       20},
      {{named("Resize", integers({80, 40})), named("CenterCrop", integer(40)), named("Rescale"),
        named("Transpose", integers({2, 0, 1}))},
       {30, 10, 50, 30},
       40,
       40}};
  for (const Case& each : cases) {
    const Scratch scratch;
    const Sample sample = yolo(scratch, each.transforms)->get(0);
    const Truth found = truth_of(sample.label, 0);
    const Box back = found.place.back(each.wanted);
    const std::string name = each.transforms.front().name;
    EXPECT_THAT((std::vector{back.left, back.top, back.right, back.bottom}),
                ::testing::Pointwise(::testing::DoubleNear(1e-9), std::vector{25.0, 5.0, 35.0, 15.0}))
        << name;
    EXPECT_EQ(found.place.width, each.width) << name;
    EXPECT_EQ(found.place.height, each.height) << name;
  }
}

TEST(Place, FollowsRandomTransforms) {
  const Scratch scratch;
  const auto data =
      yolo(scratch, {named("RandomHorizontalFlip"), named("RandomVerticalFlip"), named("RandomCrop", integers({20, 30}))});
  const Truth found = truth_of(data->get(0).label, 0);
  EXPECT_EQ(found.place.width, 30);
  const Box whole = found.place.back({0, 0, 30, 20});
  EXPECT_EQ(whole.right - whole.left, 30);
  EXPECT_GE(whole.left, 0);
  EXPECT_LE(whole.right, 40);
  EXPECT_EQ(whole.bottom - whole.top, 20);
}

constexpr const char* kAnnotations = R"({"info": {}, "images": [
  {"id": 9, "file_name": "b.png", "width": 8, "height": 8},
  {"id": 4, "file_name": "a.png", "width": 40, "height": 20}],
  "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
  "annotations": [
  {"id": 1, "image_id": 4, "category_id": 18, "bbox": [25, 5, 10, 10.5], "area": 70, "iscrowd": 0, "segmentation": [[1, 2, 3]]},
  {"id": 2, "image_id": 4, "category_id": 1, "bbox": [0, 0, 40, 20], "area": 800, "iscrowd": 1}]})";

std::unique_ptr<const Dataset> coco(const Scratch& scratch, const std::string& annotations, config::ParameterMap more = {}) {
  write_picture(scratch.path() / "c/val2017/a.png", 40, 20);
  write_picture(scratch.path() / "c/val2017/b.png", 8, 8);
  scratch.write("c/annotations/instances_val2017.json", annotations);
  more.emplace_back("root", text("c"));
  return make_dataset(loader(named("COCORaw", std::move(more))), scratch.path());
}

TEST(CocoRaw, ReadsPicturesInTheOrderOfTheirIds) {
  const Scratch scratch;
  const auto data = coco(scratch, kAnnotations);
  ASSERT_EQ(data->size(), 2);
  const Truth first = truth_of(data->get(0).label, 0);
  ASSERT_EQ(first.boxes.size(), 2u);
  EXPECT_EQ(first.place.width, 40);
  EXPECT_EQ(first.boxes[0].label, 18);
  EXPECT_EQ(first.boxes[0].area, 70);
  EXPECT_EQ(first.boxes[0].box.bottom, 15.5);
  EXPECT_FALSE(first.boxes[0].crowd);
  EXPECT_TRUE(first.boxes[1].crowd);
  EXPECT_TRUE(truth_of(data->get(1).label, 1).boxes.empty());
  const auto ordered = coco(scratch, kAnnotations, {{"labels", text("order")}});
  EXPECT_EQ(truth_of(ordered->get(0).label, 0).boxes[0].label, 1);
  EXPECT_EQ(truth_of(ordered->get(0).label, 0).boxes[1].label, 0);
}

TEST(CocoRaw, NamesTheEntryAtFault) {
  const Scratch scratch;
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string annotations = kAnnotations;
    annotations.replace(annotations.find(from), from.size(), to);
    return message_of<DataError>([&] { coco(scratch, annotations)->get(0); });
  };
  EXPECT_THAT(message("\"info\": {}", "\"info\": {"),
              AllOf(HasSubstr("instances_val2017.json"), HasSubstr("COCO's JSON expected")));
  EXPECT_THAT(message("\"images\"", "\"pictures\""), HasSubstr("no list 'images' found"));
  EXPECT_THAT(message("\"a.png\"", "\"gone.png\""), AllOf(HasSubstr("images[1]"), HasSubstr("gone.png")));
  EXPECT_THAT(message("\"width\": 40", "\"width\": 41"), HasSubstr("40 x 20 found, 41 x 20 expected"));
  EXPECT_THAT(message("\"width\": 40", "\"width\": -1"), HasSubstr("a size of -1 x 20 found"));
  EXPECT_THAT(message("\"id\": 4", "\"id\": 9"), HasSubstr("id 9 twice found"));
  EXPECT_THAT(message("\"image_id\": 4", "\"image_id\": 5"), HasSubstr("annotations[0]: image_id 5 found"));
  EXPECT_THAT(message("\"category_id\": 1,", "\"category_id\": 2,"), HasSubstr("annotations[1]: category_id 2 found"));
  EXPECT_THAT(message("[25, 5, 10, 10.5]", "[25, 5, 10]"), HasSubstr("annotations[0]: bbox in another form"));
  EXPECT_THAT(message("[25, 5, 10, 10.5]", "[25, \"5\", 10, 10]"), HasSubstr("bbox \"5\" found, a number expected"));
  EXPECT_THAT(message("[25, 5, 10, 10.5]", "[45, 5, 10, 10]"), HasSubstr("one inside a picture of 40 x 20"));
  EXPECT_THAT(message("[25, 5, 10, 10.5]", "[25, 5, -10, 10]"), HasSubstr("sizes that are not negative"));
  EXPECT_THAT(message("[25, 5, 10, 10.5]", "[25, 5, 1e999, 10]"), HasSubstr("COCO's JSON expected"));
  EXPECT_THAT(message("\"area\": 70", "\"area\": null"), HasSubstr("area null found"));
  EXPECT_THAT(message("{\"id\": 18, \"name\": \"dog\"}", "7"), HasSubstr("categories[0]: number found, a map expected"));
  EXPECT_THAT(message_of<DataError>([&] { coco(scratch, "{\"images\": [], \"categories\": [], \"annotations\": []}"); }),
              HasSubstr("no images found"));
  EXPECT_THAT(message_of<DataError>([&] { coco(scratch, std::string(100000, '[')); }), HasSubstr("COCO's JSON expected"));
  EXPECT_THAT(message_of<DataError>([&] { coco(scratch, "[]"); }), HasSubstr("no list 'images' found"));
}

TEST(CocoRaw, DamagedBytesAreCaughtOrHarmless) {
  const Scratch scratch;
  coco(scratch, kAnnotations);
  const std::string whole = kAnnotations;
  const auto dataloader = loader(named("COCORaw", {{"root", text("c")}}));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); i += 3)
    for (const char damage : {'9', '"', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = damage;
      scratch.write("c/annotations/instances_val2017.json", damaged);
      try {
        const auto data = make_dataset(dataloader, scratch.path());
        for (std::int64_t k = 0; k < data->size(); ++k) truth_of(data->get(k).label, k);
      } catch (const DataError& error) {
        ++refused;
        EXPECT_THAT(error.full_message(), ::testing::AnyOf(HasSubstr("instances_val2017.json"), HasSubstr(".png"))) << i;
      }
    }
  EXPECT_GT(refused, whole.size() / 2) << "most damage is seen";
}

}  // namespace
}  // namespace inc::eval
