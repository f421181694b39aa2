#pragma once
// Attributes of nodes: ONNX's kinds except graphs.
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::ir {

using Attr = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                          std::vector<std::string>, Tensor>;

bool operator_equal(const Attr& a, const Attr& b);

class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const std::string, Attr>> items) : items_(items) {}

  bool has(std::string_view name) const { return items_.find(name) != items_.end(); }
  void set(std::string name, Attr value) { items_.insert_or_assign(std::move(name), std::move(value)); }
  void erase(std::string_view name);
  const std::map<std::string, Attr, std::less<>>& items() const noexcept { return items_; }

  /// Typed reads with a default. A present attribute of another kind is a ModelError.
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;
  float real(std::string_view name, float otherwise = 0) const;
  std::string text(std::string_view name, std::string_view otherwise = "") const;
  std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> otherwise = {}) const;
  std::vector<float> reals(std::string_view name, std::vector<float> otherwise = {}) const;
  /// Undefined tensor when absent.
  Tensor tensor(std::string_view name) const;

  bool operator==(const Attrs& other) const;

 private:
  template <class T>
  const T* find(std::string_view name) const;
  std::map<std::string, Attr, std::less<>> items_;
};

}  // namespace inc::ir
