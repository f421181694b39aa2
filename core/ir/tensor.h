#pragma once
// A dense, row-major tensor. The data is shared and treated as immutable once a tensor has been handed on;
// copies are cheap. Storage is owned (64-byte aligned), borrowed from a mapping kept alive by `keeper`, or made when the
// data is asked for.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/ir/type.h"

namespace inc::ir {

/// Where data is that no tensor holds yet.
class Stored {
 public:
  virtual ~Stored() = default;
  /// `bytes` behind the first `offset`. Thread-safe. Throws ModelError where they can no longer be read.
  virtual void read(std::byte* to, std::size_t offset, std::size_t bytes) const = 0;
};

class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised storage of its own. Throws ModelError when the size is negative or does not fit into memory.
  Tensor(DType dtype, Shape shape);
  /// Borrows `data`; `keeper` owns it.
  Tensor(DType dtype, Shape shape, const std::byte* data, std::shared_ptr<const void> keeper);
  /// Reads the data when it is first asked for, and keeps it as long as one of its copies lives.
  Tensor(DType dtype, Shape shape, std::shared_ptr<const Stored> stored);

  template <class T>
  static Tensor of(Shape shape, const std::vector<T>& values) {
    Tensor t(DTypeOf<T>::value, std::move(shape));
    INC_CHECK(static_cast<std::int64_t>(values.size()) == t.count(), "value count matches the shape");
    T* out = t.mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
    return t;
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, std::vector<T>{value});
  }

  bool defined() const noexcept { return data_ != nullptr || keeper_ != nullptr; }
  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  int rank() const noexcept { return static_cast<int>(shape_.size()); }
  std::int64_t count() const noexcept { return element_count(shape_); }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  TensorType type() const { return TensorType::of(dtype_, shape_); }

  /// Data that are read when they are asked for.
  bool is_stored() const noexcept { return deferred_ != nullptr; }
  /// The same for tensors that share their data.
  const void* identity() const noexcept {
    return deferred_ != nullptr ? static_cast<const void*>(deferred_) : static_cast<const void*>(data_);
  }
  const std::byte* raw() const { return deferred_ == nullptr ? data_ : loaded(); }
  /// The same tensor with its data in memory; data not asked for before is forgotten again with the result.
  Tensor at_hand() const;
  /// raw() + offset, of which only `bytes` are sure to be there: from a large table that is stored elsewhere, the pages that
  /// were asked for are read, each once. Thread-safe.
  const std::byte* part(std::size_t offset, std::size_t bytes) const;
  /// Copies a part, keeping nothing. Thread-safe.
  void read(std::byte* to, std::size_t offset, std::size_t bytes) const;
  /// Only for the one who has just made the tensor. Never for borrowed storage.
  std::byte* mutable_raw();

  /// Throws InternalError when T is not the element type.
  template <class T>
  const T* data() const {
    INC_CHECK(DTypeOf<T>::value == dtype_, "tensor element type");
    return reinterpret_cast<const T*>(raw());
  }
  template <class T>
  T* mutable_data() {
    INC_CHECK(DTypeOf<T>::value == dtype_, "tensor element type");
    return reinterpret_cast<T*>(mutable_raw());
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(count())};
  }

  /// The same data under another shape of equal element count.
  Tensor reshaped(Shape shape) const;
  /// A copy converted element by element to int64 / float; for attributes and shape arithmetic, not for big data.
  std::vector<std::int64_t> to_int64s() const;
  std::vector<float> to_floats() const;
  /// Hash of dtype, shape and content.
  std::uint64_t content_hash() const;

 private:
  struct Deferred;
  const std::byte* loaded() const;

  DType dtype_ = DType::Float;
  Shape shape_;
  std::shared_ptr<const void> keeper_;
  const std::byte* data_ = nullptr;
  const Deferred* deferred_ = nullptr;  ///< what keeper_ points to
  bool owned_ = false;
};

/// Calls fn(rows, first) for all rows of the first axis in turn, a multiple of `multiple` at a time and then the rest: some
/// MB where the data are stored elsewhere, of which only these are at hand then, and all at once where they are in memory.
/// `rows` is valid during the call.
void for_rows(const Tensor& tensor, std::int64_t multiple,
              const std::function<void(const Tensor& rows, std::int64_t first)>& fn);

/// Same dtype, shape and bytes.
bool identical(const Tensor& a, const Tensor& b);

}  // namespace inc::ir
