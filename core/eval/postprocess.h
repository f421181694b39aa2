#pragma once
// What happens to a model's outputs before a metric sees them, one maker per name; factory.cpp lists them.
//
// Boxes between these steps, and for mAP, are as TensorFlow's detectors and INC have them: [top, left, bottom, right], as
// shares of the picture that the model sees.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/eval/metric.h"
#include "core/eval/parameters.h"

namespace inc::eval {

/// Of a batch.
struct Predictions {
  std::vector<ir::Tensor> outputs;
  std::vector<ir::Tensor> labels;  ///< one per sample
  std::int64_t count = 0;          ///< samples; each output is split evenly among them
  std::int64_t first = 0;          ///< number of the first one, for messages
};

struct OutputTransform {
  std::string name;
  /// Throws DataError where outputs or labels do not fit.
  std::function<void(Predictions&)> apply;
};

/// label - label_shift; classes that begin at 1, or at 0.
OutputTransform make_label_shift(Parameters&);
/// Nothing: metrics see all samples. For files written for INC.
OutputTransform make_collect(Parameters&);
/// [boxes, 5 + classes] per sample, as YOLOX's head gives them (Ge et al.: "YOLOX: Exceeding YOLO Series in 2021"): centre
/// relative to a cell, logarithm of the size in cells, objectness, a score per class; cells row by row, strides in order.
/// To boxes [N, boxes, 4] and scores [N, boxes, classes], each the product of objectness and the class's.
OutputTransform make_yolox_decode(Parameters&);
/// Boxes [N, boxes, 4] and scores [N, boxes, classes] to boxes [N, kept, 4], scores [N, kept], classes [N, kept] and how
/// many are kept of each sample; the rest of the rows is 0. Greedy, best score first, of equal ones the first box.
OutputTransform make_nms(Parameters&);

/// `metric` after `transforms`, which the FP32 model's outputs go through too.
std::unique_ptr<Metric> postprocessed(std::unique_ptr<Metric> metric, std::vector<OutputTransform> transforms);

}  // namespace inc::eval
