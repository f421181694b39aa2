#include "core/calib/output_distance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace inc::calib {
namespace {

constexpr double kTolerance = 1.01;
constexpr double kLost = 0.5;

/// In lanes, so that the compiler may add several at a time.
template <class Term>
double sum_of(std::size_t count, const Term& term) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> lanes{};
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  for (std::size_t i = whole; i < count; ++i) lanes[0] += term(i);
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

/// Of every index along one axis, sums over everything else.
void add_slices(const float* x, const float* y, const ir::Shape& shape, std::size_t axis,
                std::vector<SquaredError>& slices) {
  std::size_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (i != axis) (i < axis ? outer : inner) *= static_cast<std::size_t>(shape[i]);
  for (std::size_t o = 0; o < outer; ++o)
    for (SquaredError& slice : slices) {
      for (std::size_t i = 0; i < inner; ++i) {
        const double wanted{y[i]}, difference = double{x[i]} - wanted;
        slice.difference += difference * difference;
        slice.square += wanted * wanted;
      }
      x += inner;
      y += inner;
    }
}

}  // namespace

void SquaredError::add(const ir::Tensor& found, const ir::Tensor& wanted) {
  if (found.dtype() != DType::Float || wanted.dtype() != DType::Float || found.shape() != wanted.shape()) return;
  const float *x = found.data<float>(), *y = wanted.data<float>();
  const auto count = static_cast<std::size_t>(wanted.count());
  difference += sum_of(count, [&](std::size_t i) {
    const double d = double{x[i]} - double{y[i]};
    return d * d;
  });
  square += sum_of(count, [&](std::size_t i) { return double{y[i]} * double{y[i]}; });
}

double SquaredError::value() const {
  if (!(square > 0)) return -1;
  const double ratio = difference / square;
  return std::isfinite(ratio) ? ratio : std::numeric_limits<double>::infinity();
}

SquaredError OutputDistance::add(std::span<const ir::Tensor> found, std::span<const ir::Tensor> wanted) {
  SquaredError sample;
  outputs_.resize(std::max(outputs_.size(), wanted.size()));
  for (std::size_t o = 0; o < wanted.size(); ++o) {
    const ir::Tensor &a = found[o], &b = wanted[o];
    if (a.dtype() != DType::Float || b.dtype() != DType::Float || a.shape() != b.shape()) continue;
    auto& axes = outputs_[o];
    axes.resize(std::max(axes.size(), b.shape().size()));
    for (std::size_t i = 1; i < b.shape().size(); ++i) {
      const auto length = static_cast<std::size_t>(b.shape()[i]);
      if (axes[i].slices.empty()) axes[i].slices.resize(length);
      if (axes[i].slices.size() != length) axes[i].same_length = false;
    }
    sample.add(a, b);
    for (std::size_t i = 1; i < axes.size(); ++i)
      if (axes[i].same_length) add_slices(a.data<float>(), b.data<float>(), b.shape(), i, axes[i].slices);
  }
  total_.difference += sample.difference;
  total_.square += sample.square;
  return sample;
}

std::vector<double> OutputDistance::by_axis() const {
  std::vector<double> means;
  for (const auto& axes : outputs_)
    for (std::size_t i = 1; i < axes.size(); ++i) {
      double sum = 0;
      for (const SquaredError& slice : axes[i].slices) {
        const double ratio = slice.difference == 0 ? 0 : slice.difference / slice.square;
        sum += ratio < kLost ? ratio : kLost;
      }
      const bool usable = axes[i].same_length && !axes[i].slices.empty();
      means.push_back(usable ? sum / static_cast<double>(axes[i].slices.size()) : -1);
    }
  return means;
}

bool no_axis_worse(const std::vector<double>& before, const std::vector<double>& after) {
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    if (after[i] > kTolerance * before[i]) return false;
  return true;
}

}  // namespace inc::calib
