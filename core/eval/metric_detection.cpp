#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/eval/average_precision.h"
#include "core/eval/metrics.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

constexpr std::array<std::string_view, kAreas> kAreaNames{"all", "small", "medium", "large"};
constexpr std::array<std::string_view, 4> kFormats{"yxyx", "xyxy", "xywh", "cxcywh"};
constexpr std::array<std::string_view, 2> kUnits{"relative", "pixels"};

/// Which output is what; -1: none.
struct Outputs {
  std::int64_t boxes = 0, scores = 1, classes = 2, count = -1;
};

Box corners(std::string_view format, std::array<double, 4> v) {
  if (format == "yxyx") return {v[1], v[0], v[3], v[2]};
  if (format == "xyxy") return {v[0], v[1], v[2], v[3]};
  if (format == "xywh") return {v[0], v[1], v[0] + v[2], v[1] + v[3]};
  return {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
}

class MeanAveragePrecision final : public Metric {
 public:
  struct Setup {
    std::string name;
    PrecisionSetup precision;
    std::size_t area = 0;
    std::optional<Outputs> outputs;
    std::string format, unit;
  };
  explicit MeanAveragePrecision(Setup setup) : setup_(std::move(setup)), precision_(setup_.precision) {}
  std::string name() const override { return setup_.name; }

  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    const MetricBatch batch = checked_batch(*this, outputs, inputs, labels, reference, seen_);
    const Outputs at = setup_.outputs.value_or(outputs.size() > 3 ? Outputs{.count = 3} : Outputs{});
    const auto values = [&](std::int64_t index, std::string_view what, std::int64_t width) {
      if (index < 0 || index >= static_cast<std::int64_t>(outputs.size()))
        throw DataError(fmt::format("metric {} finds no {}: output {} of {} wanted (see output_index_mapping)", name(), what,
                                    index, outputs.size()));
      const ir::Tensor tensor = cast_to(outputs[static_cast<std::size_t>(index)], DType::Double);
      if (tensor.count() % (batch.count * width) != 0)
        throw DataError(fmt::format("metric {} cannot use the {}: {} found, {} samples of {} values for each box expected",
                                    name(), what, tensor.type().to_string(), batch.count, width));
      return tensor;
    };
    const ir::Tensor boxes = values(at.boxes, "boxes", 4), scores = values(at.scores, "scores", 1);
    const ir::Tensor classes = values(at.classes, "classes", 1);
    const std::int64_t rows = boxes.count() / 4 / batch.count;
    for (const ir::Tensor* other : {&scores, &classes})
      if (other->count() != rows * batch.count)
        throw DataError(fmt::format("metric {} finds outputs that do not fit: {} boxes, {} scores and {} classes", name(),
                                    rows * batch.count, scores.count(), classes.count()));
    const ir::Tensor counts = at.count < 0 ? ir::Tensor{} : values(at.count, "num_detections", 1);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const Truth truth = truth_of(labels[static_cast<std::size_t>(i)], seen_ + i);
      const std::int64_t found = counts.defined() ? whole(counts.data<double>()[i], rows + 1, "num_detections", i) : rows;
      std::vector<Detection> detections;
      for (std::int64_t row = i * rows; row < i * rows + found; ++row)
        detections.push_back(detection(boxes.data<double>() + row * 4, scores.data<double>()[row],
                                       classes.data<double>()[row], i, truth.place));
      precision_.add(truth.picture, detections, truth.boxes);
      known_ += static_cast<std::int64_t>(truth.boxes.size());
    }
    seen_ += batch.count;
  }

  double value() const override {
    if (seen_ == 0) throw DataError(fmt::format("metric {} has no value: no samples seen, at least one expected", name()));
    const auto means = precision_.means();
    const std::vector<double>& precision = means[setup_.area].precision;
    if (precision.empty())
      throw DataError(
          fmt::format("metric {} has no value: {} true boxes, none of area '{}', found in {} samples, at least one "
                      "expected",
                      name(), known_, kAreaNames[setup_.area], seen_));
    return mean(precision);
  }

  Details details() const override {
    Details all;
    const auto means = precision_.means();
    const auto& thresholds = setup_.precision.thresholds;
    for (const int per_cent : {50, 75})
      for (std::size_t t = 0; t < thresholds.size() && !means[0].precision.empty(); ++t)
        if (std::abs(thresholds[t] - per_cent / 100.0) < 1e-9)
          all.emplace_back(fmt::format("AP{}", per_cent), means[0].precision[t]);
    for (std::size_t area = 1; area < kAreas; ++area)
      if (!means[area].precision.empty())
        all.emplace_back(fmt::format("AP {}", kAreaNames[area]), mean(means[area].precision));
    if (!means[0].recall.empty()) all.emplace_back("recall", mean(means[0].recall));
    return all;
  }

  void reset() override {
    precision_.reset();
    seen_ = known_ = 0;
  }

 private:
  static double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  std::int64_t whole(double value, std::int64_t limit, std::string_view what, std::int64_t sample) const {
    if (!(value >= 0 && value < static_cast<double>(limit)) || value != std::floor(value))
      throw DataError(fmt::format("{} of sample {} is not usable: {} found, a whole number in 0..{} expected", what,
                                  seen_ + sample, value, limit - 1));
    return static_cast<std::int64_t>(value);
  }
  Detection detection(const double* box, double score, double label, std::int64_t sample, const Place& place) const {
    for (const double v : {box[0], box[1], box[2], box[3], score})
      if (!std::isfinite(v))
        throw DataError(
            fmt::format("output of sample {} is not finite: a box of ({}, {}, {}, {}) with score {} found, finite "
                        "values expected",
                        seen_ + sample, box[0], box[1], box[2], box[3], score));
    Box seen = corners(setup_.format, {box[0], box[1], box[2], box[3]});
    if (setup_.unit == "relative") {
      const auto width = static_cast<double>(place.width), height = static_cast<double>(place.height);
      seen = {seen.left * width, seen.top * height, seen.right * width, seen.bottom * height};
    }
    return {place.back(seen), score, whole(label, std::int64_t{1} << 31, "class", sample)};
  }

  Setup setup_;
  AveragePrecision precision_;
  std::int64_t seen_ = 0, known_ = 0;
};

Outputs output_mapping(Parameters& parameters) {
  Outputs outputs;
  for (const auto& [name, index] : parameters.integer_map("output_index_mapping")) {
    std::int64_t* place = name == "boxes"            ? &outputs.boxes
                          : name == "scores"         ? &outputs.scores
                          : name == "classes"        ? &outputs.classes
                          : name == "num_detections" ? &outputs.count
                                                     : nullptr;
    if (place == nullptr || index < -1 || index > 1000)
      parameters.refuse("output_index_mapping", fmt::format("{}: {}", name, index),
                        "boxes, scores, classes and num_detections, each an output's position from 0");
    *place = index;
  }
  return outputs;
}

std::vector<double> coco_thresholds() {
  std::vector<double> values;
  for (int i = 0; i < 10; ++i) values.push_back(0.5 + (0.95 - 0.5) * (i / 9.0));
  return values;
}

std::unique_ptr<Metric> make_detection(Parameters& parameters, std::string name, std::vector<double> thresholds,
                                       std::int64_t points) {
  MeanAveragePrecision::Setup setup;
  setup.name = std::move(name);
  setup.precision.thresholds = parameters.spaced_numbers("iou_thrs", std::move(thresholds));
  const auto& chosen = setup.precision.thresholds;
  if (chosen.empty() || chosen.size() > 32 ||
      std::any_of(chosen.begin(), chosen.end(), [](double v) { return !(v > 0 && v <= 1); }))
    parameters.refuse("iou_thrs", fmt::format("[{}]", fmt::join(chosen, ", ")), "1 to 32 numbers above 0 and up to 1");
  setup.precision.points = parameters.integer("map_points", points);
  if (setup.precision.points != 0 && setup.precision.points != 11 && setup.precision.points != 101)
    parameters.refuse("map_points", fmt::format("{}", setup.precision.points), "0 (all recalls), 11 or 101");
  setup.precision.max_detections = parameters.integer("max_detections", 100);
  if (setup.precision.max_detections < 0)
    parameters.refuse("max_detections", fmt::format("{}", setup.precision.max_detections), "at least 0 (0: all)");
  const std::string area = parameters.choice("area", kAreaNames, "all");
  setup.area = static_cast<std::size_t>(std::find(kAreaNames.begin(), kAreaNames.end(), area) - kAreaNames.begin());
  if (parameters.has("output_index_mapping")) setup.outputs = output_mapping(parameters);
  setup.format = parameters.choice("box_format", kFormats, "yxyx");
  setup.unit = parameters.choice("box_unit", kUnits, "relative");
  if (parameters.has("anno_path"))
    log::warning(fmt::format("anno_path '{}' of metric {} is not read: classes are those of the data set's annotations",
                             parameters.text("anno_path"), setup.name));
  return std::make_unique<MeanAveragePrecision>(std::move(setup));
}

}  // namespace

std::unique_ptr<Metric> make_map(Parameters& parameters) {
  return make_detection(parameters, "mAP", {0.5}, 0);
}
std::unique_ptr<Metric> make_coco_map(Parameters& parameters) {
  return make_detection(parameters, "COCOmAP", coco_thresholds(), 101);
}
std::unique_ptr<Metric> make_coco_map_v2(Parameters& parameters) {
  return make_detection(parameters, "COCOmAPv2", coco_thresholds(), 101);
}
std::unique_ptr<Metric> make_voc_map(Parameters& parameters) {
  return make_detection(parameters, "VOCmAP", {0.5}, 0);
}

}  // namespace inc::eval
