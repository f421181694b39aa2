#pragma once
// Values as bytes for another process of the same program, and back. One function names the members for both directions:
//   template <class Archive> void pass(Archive& archive) { archive(a_, b_); }
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace inc {

class Packer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  void put_bytes(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  std::string take() && { return std::move(bytes_); }

 private:
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_trivially_copyable_v<T>)
      put_bytes(&value, sizeof value);
    else
      const_cast<T&>(value).pass(*this);
  }
  void put(const std::string& text) {
    put(text.size());
    put_bytes(text.data(), text.size());
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(values.size());
    if constexpr (std::is_trivially_copyable_v<T>)
      put_bytes(values.data(), values.size() * sizeof(T));
    else
      for (const T& value : values) put(value);
  }

  std::string bytes_;
};

/// Bytes that no Packer made are an InternalError. What an optional holds must exist already.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  std::string_view get_bytes(std::size_t size) {
    INC_CHECK(size <= rest_.size(), "as many bytes as were packed");
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  bool done() const noexcept { return rest_.empty(); }

 private:
  template <class T>
  void get(T& value) {
    if constexpr (std::is_trivially_copyable_v<T>)
      std::memcpy(static_cast<void*>(&value), get_bytes(sizeof value).data(), sizeof value);
    else
      value.pass(*this);
  }
  std::size_t size() {
    std::size_t out = 0;
    get(out);
    return out;
  }
  void get(std::string& text) { text = get_bytes(size()); }
  template <class T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    INC_CHECK(there == value.has_value(), "the same members on both sides");
    if (there) get(*value);
  }
  template <class T>
  void get(std::vector<T>& values) {
    const std::size_t count = size();
    if constexpr (std::is_trivially_copyable_v<T>) {
      values.resize(count);
      if (count > 0) std::memcpy(values.data(), get_bytes(count * sizeof(T)).data(), count * sizeof(T));
    } else {
      values.clear();
      for (std::size_t i = 0; i < count; ++i) get(values.emplace_back());
    }
  }

  std::string_view rest_;
};

template <class... T>
std::string packed(const T&... values) {
  Packer packer;
  packer(values...);
  return std::move(packer).take();
}
template <class... T>
void unpack(std::string_view bytes, T&... values) {
  Unpacker unpacker(bytes);
  unpacker(values...);
  INC_CHECK(unpacker.done(), "everything that was packed");
}

}  // namespace inc
