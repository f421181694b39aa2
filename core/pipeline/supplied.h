#pragma once
// What a program gives in place of what the configuration would name. Everything is optional; what is given wins.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/eval/dataset.h"
#include "core/eval/metric.h"
#include "core/search/search.h"

namespace inc::pipeline {

struct Supplied {
  struct Data {
    std::shared_ptr<const eval::Dataset> data;
    std::int64_t batch_size = 1;
  };

  std::shared_ptr<const std::string> model;  ///< a serialized ModelProto, all data inline
  std::optional<Data> calibration, evaluation;
  /// Computed on `evaluation` or the configuration's evaluation data. One that runs the model itself needs neither; where
  /// there are none, the calibration data serve for sensitivities and timings.
  std::shared_ptr<eval::Metric> metric;
  /// tuning.strategy.name is what it is called.
  std::function<std::unique_ptr<const search::Strategy>(const search::SearchSpace&, const search::Knowledge&)> strategy;
};

}  // namespace inc::pipeline
