#include "core/ir/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>

#include "core/base/hash.h"
#include "core/base/memory.h"

namespace inc::ir {
namespace {

constexpr std::size_t kPiece = std::size_t{128} << 10, kRows = std::size_t{4} << 20;
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

/// What has been read of data, page by page; those that were not take no memory.
class Pages {
 public:
  Pages(std::shared_ptr<const Stored> stored, std::size_t bytes)
      : stored_(std::move(stored)), bytes_(bytes), data_(reserve(bytes)), there_((bytes + kPage - 1) / kPage) {}

  const std::byte* part(std::size_t offset, std::size_t bytes) {
    for (std::size_t page = offset / kPage; page * kPage < offset + bytes; ++page)
      if (!there_[page].load(std::memory_order_acquire)) read(page);
    return data_.get() + offset;
  }

 private:
  static constexpr std::size_t kPage = 4096;

  void read(std::size_t page) {
    const std::lock_guard lock(mutex_);
    if (there_[page].load(std::memory_order_relaxed)) return;
    const std::size_t begin = page * kPage;
    stored_->read(data_.get() + begin, begin, std::min(kPage, bytes_ - begin));
    there_[page].store(true, std::memory_order_release);
  }

  std::shared_ptr<const Stored> stored_;
  std::size_t bytes_;
  Storage data_;
  std::mutex mutex_;
  std::vector<std::atomic<bool>> there_;
};

struct Tensor::Deferred {
  std::shared_ptr<const Stored> stored;
  mutable std::mutex mutex;
  mutable std::atomic<const std::byte*> data{nullptr};
  mutable Tensor kept;
  mutable std::once_flag asked;
  mutable std::unique_ptr<Pages> parts;  ///< since somebody asked for one
  mutable std::vector<std::pair<TensorType, std::uint64_t>> hashes;
};

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)), owned_(true) {
  const std::size_t bytes = checked_bytes(dtype_, shape_);
  const std::shared_ptr<const std::byte> memory = heap(aligned(bytes + 1));
  data_ = memory.get();
  keeper_ = memory;
}

Tensor::Tensor(DType dtype, Shape shape, const std::byte* data, std::shared_ptr<const void> keeper)
    : dtype_(dtype), shape_(std::move(shape)), keeper_(std::move(keeper)), data_(data) {
  checked_bytes(dtype_, shape_);
}

Tensor::Tensor(DType dtype, Shape shape, std::shared_ptr<const Stored> stored) : dtype_(dtype), shape_(std::move(shape)) {
  checked_bytes(dtype_, shape_);
  auto deferred = std::make_shared<Deferred>();
  deferred->stored = std::move(stored);
  deferred_ = deferred.get();
  keeper_ = std::move(deferred);
}

const std::byte* Tensor::loaded() const {
  if (const std::byte* data = deferred_->data.load(std::memory_order_acquire)) return data;
  const std::lock_guard lock(deferred_->mutex);
  if (deferred_->data.load(std::memory_order_relaxed) == nullptr) {
    deferred_->kept = at_hand();
    deferred_->data.store(deferred_->kept.data_, std::memory_order_release);
  }
  return deferred_->kept.data_;
}

Tensor Tensor::at_hand() const {
  if (deferred_ == nullptr) return *this;
  if (const std::byte* data = deferred_->data.load(std::memory_order_acquire)) return {dtype_, shape_, data, keeper_};
  const std::shared_ptr<std::byte> memory = pages(bytes());
  deferred_->stored->read(memory.get(), 0, bytes());
  return {dtype_, shape_, memory.get(), memory};
}

const std::byte* Tensor::part(std::size_t offset, std::size_t bytes) const {
  if (deferred_ == nullptr) return data_ + offset;
  if (const std::byte* data = deferred_->data.load(std::memory_order_acquire)) return data + offset;
  std::call_once(deferred_->asked, [&] { deferred_->parts = std::make_unique<Pages>(deferred_->stored, this->bytes()); });
  return deferred_->parts->part(offset, bytes);
}

void Tensor::read(std::byte* to, std::size_t offset, std::size_t bytes) const {
  const std::byte* data = deferred_ == nullptr ? data_ : deferred_->data.load(std::memory_order_acquire);
  if (data == nullptr)
    deferred_->stored->read(to, offset, bytes);
  else
    std::memcpy(to, data + offset, bytes);
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
    const auto values = tensor.values<From>();
    std::vector<To> out(values.size());
    std::transform(values.begin(), values.end(), out.begin(), [](From value) { return convert<To>(value); });
    return out;
  });
}

}  // namespace

std::vector<std::int64_t> Tensor::to_int64s() const {
  return converted<std::int64_t>(*this);
}
std::vector<float> Tensor::to_floats() const {
  return converted<float>(*this);
}

std::uint64_t Tensor::content_hash() const {
  Hash64 hash;
  hash.add_int(static_cast<std::uint64_t>(dtype_));
  for (const auto dim : shape_) hash.add_int(static_cast<std::uint64_t>(dim));
  if (deferred_ == nullptr) return hash.add_bulk(data_, bytes()).value();
  const std::lock_guard lock(deferred_->mutex);
  for (const auto& [type, known] : deferred_->hashes)
    if (type == this->type()) return known;
  BulkHash bulk(hash);
  std::vector<std::byte> piece(std::min(bytes(), kPiece));
  for (std::size_t at = 0; at < bytes(); at += piece.size()) {
    const std::size_t now = std::min(piece.size(), bytes() - at);
    read(piece.data(), at, now);
    bulk.add(piece.data(), now);
  }
  return deferred_->hashes.emplace_back(type(), bulk.done().value()).second;
}

void for_rows(const Tensor& tensor, std::int64_t multiple, const std::function<void(const Tensor&, std::int64_t)>& fn) {
  if (!tensor.is_stored() || tensor.rank() == 0 || tensor.bytes() <= kRows) return fn(tensor.at_hand(), 0);
  Shape shape = tensor.shape();
  const std::int64_t count = shape[0];
  const std::size_t row = tensor.bytes() / static_cast<std::size_t>(count);
  const std::int64_t most = std::max<std::int64_t>(1, static_cast<std::int64_t>(kRows / row) / multiple) * multiple;
  const std::shared_ptr<std::byte> memory = pages(row * static_cast<std::size_t>(std::min(most, count)));
  for (std::int64_t first = 0; first < count; first += most) {
    shape[0] = std::min(most, count - first);
    const Tensor rows(tensor.dtype(), shape, memory.get(), memory);
    tensor.read(memory.get(), static_cast<std::size_t>(first) * row, rows.bytes());
    fn(rows, first);
  }
}

bool identical(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor left = a.at_hand(), right = b.at_hand();
  return left.raw() == right.raw() || std::memcmp(left.raw(), right.raw(), a.bytes()) == 0;
}

}  // namespace inc::ir
