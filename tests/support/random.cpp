#include "tests/support/random.h"

#include <cmath>

namespace inc::testing {

ir::Tensor random_tensor(DType dtype, const ir::Shape& shape, Rng& rng, double low, double high) {
  ir::Tensor tensor(dtype, shape);
  visit_dtype(dtype, [&](auto tag) {
    using T = decltype(tag);
    T* out = tensor.mutable_data<T>();
    for (std::int64_t i = 0; i < tensor.count(); ++i) {
      const double value = low + (high - low) * rng.uniform();
      if constexpr (std::is_same_v<T, bool>)
        out[i] = rng.below(2) == 1;
      else if constexpr (std::is_integral_v<T>)
        out[i] = static_cast<T>(std::floor(value));
      else
        out[i] = T(static_cast<float>(value));
    }
  });
  return tensor;
}

std::vector<ir::Tensor> random_inputs(const ir::Graph& graph, Rng& rng, std::int64_t symbolic, std::int64_t int_high) {
  std::vector<ir::Tensor> inputs;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::TensorType& type = graph.value(id).type;
    ir::Shape shape;
    for (const ir::Dim& dim : type.dims.value_or(std::vector<ir::Dim>{}))
      shape.push_back(dim.known() ? dim.value : symbolic);
    const bool real = is_float(type.dtype);
    inputs.push_back(random_tensor(type.dtype, shape, rng, real ? -1 : 0, real ? 1 : static_cast<double>(int_high)));
  }
  return inputs;
}

}  // namespace inc::testing
