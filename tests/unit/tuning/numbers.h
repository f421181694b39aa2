#pragma once
// Data that says which sample it is.
#include "core/eval/dataset.h"

namespace inc::tuning {

/// Sample i is {i}; its label is 1.
class Numbers final : public eval::Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  eval::Sample get(std::int64_t index) const override {
    return {{ir::Tensor::of<float>({1}, {static_cast<float>(index)})}, ir::Tensor::scalar<std::int64_t>(1)};
  }
  std::string describe() const override { return "numbers"; }

 private:
  std::int64_t size_;
};

}  // namespace inc::tuning
