#include "app/compare_values.h"

#include <algorithm>
#include <cmath>

namespace inc::app {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNoFactor = 0.02;

/// Elements behind the axis, and along it.
struct ChannelOfElement {
  std::int64_t inner = 1, channels = 1;
  ChannelOfElement(const ir::Shape& shape, int axis) : channels(shape[static_cast<std::size_t>(axis)]) {
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) inner *= shape[i];
  }
  std::size_t channel(std::int64_t element) const { return static_cast<std::size_t>(element / inner % channels); }
};

template <class To, class From>
ir::Tensor converted(const ir::Tensor& tensor) {
  ir::Tensor out(DTypeOf<To>::value, tensor.shape());
  const auto values = tensor.values<From>();
  std::transform(values.begin(), values.end(), out.mutable_data<To>(), [](From x) { return To(static_cast<float>(x)); });
  return out;
}

}  // namespace

void Closeness::join(const Closeness& more) {
  signal += more.signal, noise += more.noise;
  square += more.square, product += more.product;
  largest = std::max(largest, more.largest);
  low = std::min(low, more.low), high = std::max(high, more.high);
  finite = finite && more.finite;
}

double Closeness::sqnr_db() const {
  if (!finite) return -kInfinity;
  if (noise <= 0) return kInfinity;
  return signal > 0 ? 10 * std::log10(signal / noise) : -kInfinity;
}

double Closeness::relative() const {
  if (!finite) return kInfinity;
  return noise <= 0 ? 0 : std::sqrt(noise / signal);
}

double Closeness::cosine() const {
  if (!finite) return std::numeric_limits<double>::quiet_NaN();
  if (signal <= 0 || square <= 0) return signal <= 0 && square <= 0 ? 1 : 0;
  return std::clamp(product / std::sqrt(signal * square), -1.0, 1.0);
}

double Closeness::of_range() const {
  if (largest <= 0) return 0;
  return high > low ? largest / (high - low) : kInfinity;
}

void add(Closeness& sum, const ir::Tensor& a, const ir::Tensor& b, const ChannelFactors* factors) {
  const float *x = a.data<float>(), *y = b.data<float>();
  const ChannelOfElement layout = factors ? ChannelOfElement(a.shape(), factors->axis) : ChannelOfElement({1}, 0);
  for (std::int64_t i = 0; i < a.count(); ++i) {
    const double wanted = x[i];
    if (!std::isfinite(wanted)) continue;
    const double found = factors ? y[i] / static_cast<double>(factors->factor[layout.channel(i)]) : y[i];
    sum.low = std::min(sum.low, wanted);
    sum.high = std::max(sum.high, wanted);
    if (!std::isfinite(found)) {
      sum.finite = false;
      continue;
    }
    const double difference = found - wanted;
    sum.signal += wanted * wanted;
    sum.noise += difference * difference;
    sum.square += found * found;
    sum.product += wanted * found;
    sum.largest = std::max(sum.largest, std::abs(difference));
  }
}

ir::Tensor as_fp32(const ir::Tensor& tensor) {
  if (tensor.dtype() == DType::BFloat16) return converted<float, BFloat16>(tensor);
  if (tensor.dtype() == DType::Float16) return converted<float, Float16>(tensor);
  return tensor;
}

ir::Tensor as_type(const ir::Tensor& tensor, DType dtype) {
  if (tensor.dtype() != DType::Float) return tensor;
  if (dtype == DType::BFloat16) return converted<BFloat16, float>(tensor);
  if (dtype == DType::Float16) return converted<Float16, float>(tensor);
  return tensor;
}

ChannelFactors inverse(ChannelFactors factors) {
  for (float& factor : factors.factor) factor = 1 / factor;
  return factors;
}

ir::Tensor multiplied(const ir::Tensor& tensor, const ChannelFactors& factors) {
  const ChannelOfElement layout(tensor.shape(), factors.axis);
  ir::Tensor out(DType::Float, tensor.shape());
  const float* x = tensor.data<float>();
  float* y = out.mutable_data<float>();
  for (std::int64_t i = 0; i < tensor.count(); ++i) y[i] = x[i] * factors.factor[layout.channel(i)];
  return out;
}

std::optional<ChannelFactors> fitted_factors(const ir::Tensor& a, const ir::Tensor& b, int axis) {
  if (axis < 0) axis += a.rank();
  if (axis < 0 || axis >= a.rank() || a.count() == 0) return {};
  const ChannelOfElement layout(a.shape(), axis);
  std::vector<double> product(static_cast<std::size_t>(layout.channels)), square(product);
  const float *x = a.data<float>(), *y = b.data<float>();
  for (std::int64_t i = 0; i < a.count(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return {};
    product[layout.channel(i)] += static_cast<double>(x[i]) * y[i];
    square[layout.channel(i)] += static_cast<double>(x[i]) * x[i];
  }
  ChannelFactors out{axis, {}};
  bool any = false;
  for (std::size_t c = 0; c < product.size(); ++c) {
    const double factor = square[c] > 0 ? product[c] / square[c] : 1;
    if (factor <= 0 && square[c] > 0) return {};
    any = any || std::abs(factor - 1) > kNoFactor;
    out.factor.push_back(static_cast<float>(factor));
  }
  if (!any) return {};
  return out;
}

}  // namespace inc::app
