#pragma once
// Tensor data that counts how often it is read.
#include <atomic>
#include <cstring>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::testing {

class CountedData : public ir::Stored {
 public:
  explicit CountedData(std::vector<float> values) : values_(std::move(values)) {}
  void read(std::byte* to) const override {
    ++reads_;
    std::memcpy(to, values_.data(), values_.size() * sizeof(float));
  }
  int reads() const noexcept { return reads_; }

 private:
  std::vector<float> values_;
  mutable std::atomic<int> reads_{0};
};

}  // namespace inc::testing
