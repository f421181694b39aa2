#include "core/ir/convert.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/bfloat16.h"

namespace inc::ir {
namespace {

constexpr std::size_t kTogether = std::size_t{1} << 15;  // stays in the cache

template <class From, class To>
void convert(const std::byte* from, std::byte* to, std::size_t count) {
  const auto* values = reinterpret_cast<const From*>(from);
  std::transform(values, values + count, reinterpret_cast<To*>(to), [](From value) { return To(value); });
}

template <class From, class To>
class Converted : public Stored {
 public:
  explicit Converted(Tensor tensor) : tensor_(std::move(tensor)) {}

  void read(std::byte* to, std::size_t offset, std::size_t bytes) const override {
    const std::size_t first = offset / sizeof(To), count = bytes / sizeof(To);
    std::vector<From> some(std::min(count, kTogether));
    for (std::size_t i = 0; i < count; i += some.size()) {
      const std::size_t now = std::min(some.size(), count - i);
      tensor_.read(reinterpret_cast<std::byte*>(some.data()), (first + i) * sizeof(From), now * sizeof(From));
      convert<From, To>(reinterpret_cast<const std::byte*>(some.data()), to + i * sizeof(To), now);
    }
  }

 private:
  Tensor tensor_;
};

template <class From, class To>
Tensor as(const Tensor& tensor) {
  if (tensor.is_stored())
    return {DTypeOf<To>::value, tensor.shape(), std::make_shared<const Converted<From, To>>(tensor)};
  Tensor out(DTypeOf<To>::value, tensor.shape());
  convert<From, To>(tensor.raw(), out.mutable_raw(), static_cast<std::size_t>(tensor.count()));
  return out;
}

}  // namespace

Tensor converted(const Tensor& tensor, DType to) {
  if (tensor.dtype() == DType::Float && to == DType::BFloat16) return as<float, BFloat16>(tensor);
  INC_CHECK(tensor.dtype() == DType::Float16 && to == DType::Float, "a conversion that somebody needs");
  return as<Float16, float>(tensor);
}

}  // namespace inc::ir
