#pragma once
// Samples that Python has made: arrays without batch axis.
#include <memory>

#include "bind.h"
#include "core/eval/dataset.h"

namespace inc::python {

/// Borrows the arrays' memory. Reads nothing of Python's.
class Samples final : public eval::Dataset {
 public:
  Samples(std::vector<eval::Sample> samples, std::vector<std::string> names, std::string description)
      : samples_(std::move(samples)), names_(std::move(names)), description_(std::move(description)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  eval::Sample get(std::int64_t index) const override { return samples_.at(static_cast<std::size_t>(index)); }
  bool labelled() const override { return !samples_.empty() && samples_.front().label.defined(); }
  std::vector<std::string> input_names() const override { return names_; }
  std::string describe() const override { return description_; }

 private:
  std::vector<eval::Sample> samples_;
  std::vector<std::string> names_;
  std::string description_;
};

void bind_data(py::module_& module);

}  // namespace inc::python
