#include "core/ir/attr.h"

#include <fmt/format.h>

#include <algorithm>

namespace inc::ir {

bool operator_equal(const Attr& a, const Attr& b) {
  if (a.index() != b.index()) return false;
  if (const auto* tensor = std::get_if<Tensor>(&a)) return identical(*tensor, std::get<Tensor>(b));
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>)
          return false;
        else
          return value == std::get<T>(b);
      },
      a);
}

void Attrs::erase(std::string_view name) {
  if (const auto it = items_.find(name); it != items_.end()) items_.erase(it);
}

template <class T>
const T* Attrs::find(std::string_view name) const {
  const auto it = items_.find(name);
  if (it == items_.end()) return nullptr;
  const auto* value = std::get_if<T>(&it->second);
  if (value == nullptr) throw ModelError(fmt::format("attribute '{}' has the wrong kind", name));
  return value;
}

std::int64_t Attrs::integer(std::string_view name, std::int64_t otherwise) const {
  const auto* value = find<std::int64_t>(name);
  return value ? *value : otherwise;
}
float Attrs::real(std::string_view name, float otherwise) const {
  const auto* value = find<float>(name);
  return value ? *value : otherwise;
}
std::string Attrs::text(std::string_view name, std::string_view otherwise) const {
  const auto* value = find<std::string>(name);
  return value ? *value : std::string(otherwise);
}
std::vector<std::int64_t> Attrs::integers(std::string_view name, std::vector<std::int64_t> otherwise) const {
  const auto* value = find<std::vector<std::int64_t>>(name);
  return value ? *value : std::move(otherwise);
}
std::vector<float> Attrs::reals(std::string_view name, std::vector<float> otherwise) const {
  const auto* value = find<std::vector<float>>(name);
  return value ? *value : std::move(otherwise);
}
Tensor Attrs::tensor(std::string_view name) const {
  const auto* value = find<Tensor>(name);
  return value ? *value : Tensor{};
}

bool Attrs::operator==(const Attrs& other) const {
  return std::equal(items_.begin(), items_.end(), other.items_.begin(), other.items_.end(), [](const auto& a, const auto& b) {
    return a.first == b.first && operator_equal(a.second, b.second);
  });
}

}  // namespace inc::ir
