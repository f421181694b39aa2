#pragma once
// Tensor data that stands somewhere else, and such that counts how often it is read.
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>
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

/// The same tensor, read when it is asked for.
inline ir::Tensor elsewhere(const ir::Tensor& tensor) {
  class Copy : public ir::Stored {
   public:
    explicit Copy(ir::Tensor held) : held_(std::move(held)) {}
    void read(std::byte* to, std::size_t offset, std::size_t bytes) const override { held_.read(to, offset, bytes); }

   private:
    ir::Tensor held_;
  };
  return {tensor.dtype(), tensor.shape(), std::make_shared<const Copy>(tensor)};
}

}  // namespace inc::testing
