#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/eval/detection.h"
#include "core/eval/metrics.h"
#include "core/eval/postprocess.h"

namespace inc::eval {
namespace {

ir::Tensor finite_output(const Predictions& predictions, std::size_t index, std::string_view expected, std::int64_t least) {
  if (index >= predictions.outputs.size())
    throw DataError(
        fmt::format("output {} is missing: {} outputs found, {} expected", index, predictions.outputs.size(), expected));
  const ir::Tensor& raw = predictions.outputs[index];
  if (raw.rank() != 3 || raw.shape()[0] != predictions.count || raw.shape()[2] < least)
    throw DataError(fmt::format("output {} has the wrong form: {} found, {} expected for {} samples", index,
                                raw.type().to_string(), expected, predictions.count));
  if (raw.count() == 0) return ir::Tensor(DType::Float, raw.shape());
  const MetricBatch batch{predictions.outputs, {}, {}, {}, predictions.first, predictions.count};
  return batch.output(index);
}

struct Size {
  std::int64_t height, width;
};

class YoloxDecode {
 public:
  YoloxDecode(std::vector<std::int64_t> strides, std::optional<Size> size) : strides_(std::move(strides)), size_(size) {}

  void operator()(Predictions& predictions) const {
    const ir::Tensor head = finite_output(predictions, 0, "[samples, boxes, 5 + classes]", 6);
    const std::int64_t rows = head.shape()[1], classes = head.shape()[2] - 5;
    ir::Tensor boxes(DType::Float, {predictions.count, rows, 4}), scores(DType::Float, {predictions.count, rows, classes});
    for (std::int64_t i = 0; i < predictions.count; ++i) {
      const Size size = size_of_picture(predictions, i);
      require_rows(rows, size, predictions.first + i);
      decode(head.data<float>() + i * rows * (5 + classes), classes, size, boxes.mutable_data<float>() + i * rows * 4,
             scores.mutable_data<float>() + i * rows * classes);
    }
    predictions.outputs = {std::move(boxes), std::move(scores)};
  }

 private:
  Size size_of_picture(const Predictions& predictions, std::int64_t i) const {
    if (size_) return *size_;
    const auto at = static_cast<std::size_t>(i);
    const Truth truth =
        truth_of(at < predictions.labels.size() ? predictions.labels[at] : ir::Tensor{}, predictions.first + i);
    return {truth.place.height, truth.place.width};
  }
  void require_rows(std::int64_t rows, Size size, std::int64_t sample) const {
    std::int64_t cells = 0;
    for (const std::int64_t stride : strides_) cells += (size.height / stride) * (size.width / stride);
    if (rows != cells)
      throw DataError(
          fmt::format("output of sample {} does not fit: {} boxes found, {} expected for {} x {} pixels and "
                      "strides {}",
                      sample, rows, cells, size.width, size.height, fmt::join(strides_, ", ")));
  }
  void decode(const float* row, std::int64_t classes, Size size, float* boxes, float* scores) const {
    constexpr double kMost = 1e6;
    const auto height = static_cast<double>(size.height), width = static_cast<double>(size.width);
    for (const std::int64_t stride : strides_) {
      const auto step = static_cast<double>(stride);
      for (std::int64_t y = 0; y < size.height / stride; ++y)
        for (std::int64_t x = 0; x < size.width / stride; ++x, row += 5 + classes) {
          const double cx = (row[0] + static_cast<double>(x)) * step, cy = (row[1] + static_cast<double>(y)) * step;
          const double w = std::min(kMost, std::exp(static_cast<double>(row[2]))) * step;
          const double h = std::min(kMost, std::exp(static_cast<double>(row[3]))) * step;
          for (const double v : {(cy - h / 2) / height, (cx - w / 2) / width, (cy + h / 2) / height, (cx + w / 2) / width})
            *boxes++ = static_cast<float>(v);
          for (std::int64_t c = 0; c < classes; ++c) *scores++ = row[4] * row[5 + c];
        }
    }
  }

  std::vector<std::int64_t> strides_;
  std::optional<Size> size_;
};

class Nms {
 public:
  struct Setup {
    float score = 0;
    double overlap = 0;
    std::int64_t most = 0;
    bool class_aware = true, best_class = false;
  };
  explicit Nms(Setup setup) : setup_(setup) {}

  void operator()(Predictions& predictions) const {
    const ir::Tensor boxes = finite_output(predictions, 0, "boxes [samples, boxes, 4]", 4);
    const ir::Tensor scores = finite_output(predictions, 1, "scores [samples, boxes, classes]", 1);
    const std::int64_t rows = boxes.shape()[1], classes = scores.shape()[2];
    if (boxes.shape()[2] != 4 || scores.shape()[1] != rows)
      throw DataError(
          fmt::format("boxes and scores do not fit: {} and {} found, [{}, boxes, 4] and [{}, boxes, classes] expected",
                      boxes.type().to_string(), scores.type().to_string(), predictions.count, predictions.count));
    std::vector<std::vector<Kept>> kept;
    std::size_t longest = 0;
    for (std::int64_t i = 0; i < predictions.count; ++i) {
      kept.push_back(
          suppressed(boxes.data<float>() + i * rows * 4, scores.data<float>() + i * rows * classes, rows, classes));
      longest = std::max(longest, kept.back().size());
    }
    predictions.outputs = as_outputs(kept, static_cast<std::int64_t>(longest));
  }

 private:
  struct Kept {
    std::array<float, 4> box;
    float score;
    std::int64_t label;
  };

  std::vector<Kept> candidates(const float* boxes, const float* scores, std::int64_t rows, std::int64_t classes) const {
    std::vector<Kept> all;
    for (std::int64_t row = 0; row < rows; ++row, boxes += 4, scores += classes) {
      const std::int64_t best = setup_.best_class ? std::max_element(scores, scores + classes) - scores : 0;
      for (std::int64_t c = best; c < (setup_.best_class ? best + 1 : classes); ++c)
        if (scores[c] > setup_.score) all.push_back({{boxes[0], boxes[1], boxes[2], boxes[3]}, scores[c], c});
    }
    std::stable_sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.score > b.score; });
    return all;
  }

  std::vector<Kept> suppressed(const float* boxes, const float* scores, std::int64_t rows, std::int64_t classes) const {
    std::vector<Kept> kept;
    std::vector<std::vector<Box>> rivals(static_cast<std::size_t>(setup_.class_aware ? classes : 1));
    for (const Kept& next : candidates(boxes, scores, rows, classes)) {
      if (setup_.most > 0 && static_cast<std::int64_t>(kept.size()) == setup_.most) break;
      const Box box{next.box[1], next.box[0], next.box[3], next.box[2]};
      auto& others = rivals[setup_.class_aware ? static_cast<std::size_t>(next.label) : 0];
      if (std::any_of(others.begin(), others.end(), [&](const Box& b) { return overlap(b, box) > setup_.overlap; }))
        continue;
      others.push_back(box);
      kept.push_back(next);
    }
    return kept;
  }

  static std::vector<ir::Tensor> as_outputs(const std::vector<std::vector<Kept>>& kept, std::int64_t rows) {
    const auto samples = static_cast<std::int64_t>(kept.size());
    ir::Tensor boxes(DType::Float, {samples, rows, 4}), scores(DType::Float, {samples, rows});
    ir::Tensor labels(DType::Int64, {samples, rows}), counts(DType::Int64, {samples});
    std::fill_n(boxes.mutable_data<float>(), boxes.count(), 0.0f);
    std::fill_n(scores.mutable_data<float>(), scores.count(), 0.0f);
    std::fill_n(labels.mutable_data<std::int64_t>(), labels.count(), std::int64_t{0});
    for (std::int64_t i = 0; i < samples; ++i) {
      const auto& own = kept[static_cast<std::size_t>(i)];
      counts.mutable_data<std::int64_t>()[i] = static_cast<std::int64_t>(own.size());
      for (std::size_t k = 0; k < own.size(); ++k) {
        const std::int64_t row = i * rows + static_cast<std::int64_t>(k);
        std::copy(own[k].box.begin(), own[k].box.end(), boxes.mutable_data<float>() + row * 4);
        scores.mutable_data<float>()[row] = own[k].score;
        labels.mutable_data<std::int64_t>()[row] = own[k].label;
      }
    }
    return {boxes, scores, labels, counts};
  }

  Setup setup_;
};

double share(Parameters& parameters, std::string_view name, double fallback) {
  const double value = parameters.number(name, fallback);
  if (!(value >= 0 && value <= 1)) parameters.refuse(name, fmt::format("{}", value), "0..1");
  return value;
}

}  // namespace

OutputTransform make_yolox_decode(Parameters& parameters) {
  const auto strides = parameters.integers("strides", {{8, 16, 32}});
  for (const std::int64_t stride : strides)
    if (stride < 1 || stride > 65535) parameters.refuse("strides", fmt::format("{}", stride), "1..65535");
  std::optional<Size> size;
  if (parameters.has("size")) {
    const auto [height, width] = parameters.pair_of_sizes("size");
    size = {height, width};
  }
  return {"YOLOXDecode", YoloxDecode(strides, size)};
}

OutputTransform make_nms(Parameters& parameters) {
  static constexpr std::array<std::string_view, 2> kClasses{"all", "best"};
  Nms::Setup setup;
  setup.score = static_cast<float>(share(parameters, "score_threshold", 0.01));
  setup.overlap = share(parameters, "iou_threshold", 0.65);
  setup.most = parameters.integer("max_detections", 0);
  if (setup.most < 0) parameters.refuse("max_detections", fmt::format("{}", setup.most), "at least 0 (0: all)");
  setup.class_aware = parameters.flag("class_aware", true);
  setup.best_class = parameters.choice("classes", kClasses, "all") == "best";
  return {"NMS", Nms(setup)};
}

}  // namespace inc::eval
