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
  void read(std::byte* to, std::size_t offset, std::size_t bytes) const override {
    ++reads_, bytes_ += bytes;
    std::memcpy(to, reinterpret_cast<const std::byte*>(values_.data()) + offset, bytes);
  }
  int reads() const noexcept { return reads_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<float> values_;
  mutable std::atomic<int> reads_{0};
  mutable std::atomic<std::size_t> bytes_{0};
};

}  // namespace inc::testing
