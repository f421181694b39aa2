#include "core/ir/tensor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "core/base/hash.h"
#include "core/base/memory.h"

namespace inc::ir {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

std::size_t checked_bytes(DType dtype, const Shape& shape) {
  std::int64_t count = 1;
  for (const auto dim : shape) {
    if (dim < 0) throw ModelError(fmt::format("tensor dimension {} found, expected at least 0", dim));
    if (dim > 0 && count > kMaxElements / dim) throw ModelError("tensor has too many elements");
    count *= dim;
  }
  return static_cast<std::size_t>(count) * size_of(dtype);
}

}  // namespace

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)), owned_(true) {
  const std::size_t bytes = checked_bytes(dtype_, shape_);
  const std::size_t rounded = (bytes + kAlignment) / kAlignment * kAlignment;
  expect_memory(rounded);
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr) throw BackendError(fmt::format("out of memory: {} bytes wanted", rounded));
  keeper_ = std::shared_ptr<const void>(memory, [](const void* p) { std::free(const_cast<void*>(p)); });
  data_ = static_cast<const std::byte*>(memory);
}

Tensor::Tensor(DType dtype, Shape shape, const std::byte* data, std::shared_ptr<const void> keeper)
    : dtype_(dtype), shape_(std::move(shape)), keeper_(std::move(keeper)), data_(data) {
  checked_bytes(dtype_, shape_);
}

std::byte* Tensor::mutable_raw() {
  INC_CHECK(owned_, "borrowed tensors are read-only");
  return const_cast<std::byte*>(data_);
}

Tensor Tensor::reshaped(Shape shape) const {
  INC_CHECK(element_count(shape) == count(), "reshape keeps the element count");
  Tensor t = *this;
  t.shape_ = std::move(shape);
  return t;
}

namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>)
    return convert<To>(static_cast<float>(value));
  else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>)
    return value != value     ? To{}
           : value <= -0x1p63 ? std::numeric_limits<To>::lowest()
           : value >= 0x1p63  ? std::numeric_limits<To>::max()
                              : static_cast<To>(value);
  else
    return static_cast<To>(value);
}

template <class To>
std::vector<To> converted(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&](auto tag) {
    using From = decltype(tag);
    std::vector<To> out;
    out.reserve(static_cast<std::size_t>(tensor.count()));
    for (const From value : tensor.values<From>()) out.push_back(convert<To>(value));
    return out;
  });
}

}  // namespace

std::vector<std::int64_t> Tensor::to_int64s() const { return converted<std::int64_t>(*this); }
std::vector<float> Tensor::to_floats() const { return converted<float>(*this); }

std::uint64_t Tensor::content_hash() const {
  Hash64 hash;
  hash.add_int(static_cast<std::uint64_t>(dtype_));
  for (const auto dim : shape_) hash.add_int(static_cast<std::uint64_t>(dim));
  return hash.add_bulk(data_, bytes()).value();
}

bool identical(const Tensor& a, const Tensor& b) noexcept {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && (a.raw() == b.raw() || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

}  // namespace inc::ir
