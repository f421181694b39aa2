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

bool comparable(const ir::Tensor& found, const ir::Tensor& wanted) {
  return found.dtype() == DType::Float && wanted.dtype() == DType::Float && found.shape() == wanted.shape();
}

/// Sums over each line along the last axis, and over all of them for each place in a line.
struct Lines {
  std::vector<SquaredError> lines, places;
};

/// In lanes, as above; of doubles by themselves, so that places are added side by side too.
SquaredError add_line(const float* x, const float* y, std::size_t length, double* difference, double* square) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> differences{}, squares{};
  const auto add = [&](std::size_t at, std::size_t lane) {
    const double wanted{y[at]}, off = double{x[at]} - wanted, off2 = off * off, wanted2 = wanted * wanted;
    differences[lane] += off2, difference[at] += off2;
    squares[lane] += wanted2, square[at] += wanted2;
  };
  const std::size_t whole = length / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
  for (std::size_t i = whole; i < length; ++i) add(i, 0);
  return {std::accumulate(differences.begin(), differences.end(), 0.0),
          std::accumulate(squares.begin(), squares.end(), 0.0)};
}

Lines lines_of(const ir::Tensor& found, const ir::Tensor& wanted) {
  const std::size_t length = wanted.rank() == 0 ? 1 : static_cast<std::size_t>(wanted.shape().back());
  const std::size_t count = length == 0 ? 0 : static_cast<std::size_t>(wanted.count()) / length;
  const float *x = found.data<float>(), *y = wanted.data<float>();
  std::vector<double> difference(length), square(length);
  Lines sums;
  for (std::size_t i = 0; i < count; ++i)
    sums.lines.push_back(add_line(x + i * length, y + i * length, length, difference.data(), square.data()));
  for (std::size_t i = 0; i < length; ++i) sums.places.push_back({difference[i], square[i]});
  return sums;
}

void add_to(SquaredError& sum, const SquaredError& more) {
  sum.difference += more.difference;
  sum.square += more.square;
}

/// Of every index along one axis, sums over everything else.
void add_slices(const Lines& sums, const ir::Shape& shape, std::size_t axis, std::vector<SquaredError>& slices) {
  if (axis + 1 == shape.size()) {
    for (std::size_t i = 0; i < slices.size(); ++i) add_to(slices[i], sums.places[i]);
    return;
  }
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i + 1 < shape.size(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  for (std::size_t i = 0; i < sums.lines.size(); ++i) add_to(slices[i / inner % slices.size()], sums.lines[i]);
}

}  // namespace

void SquaredError::add(const ir::Tensor& found, const ir::Tensor& wanted) {
  if (!comparable(found, wanted)) return;
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
    if (!comparable(a, b)) continue;
    auto& axes = outputs_[o];
    axes.resize(std::max(axes.size(), b.shape().size()));
    for (std::size_t i = 1; i < b.shape().size(); ++i) {
      const auto length = static_cast<std::size_t>(b.shape()[i]);
      if (axes[i].slices.empty()) axes[i].slices.resize(length);
      if (axes[i].slices.size() != length) axes[i].same_length = false;
    }
    const Lines sums = lines_of(a, b);
    for (const SquaredError& line : sums.lines) add_to(sample, line);
    for (std::size_t i = 1; i < b.shape().size(); ++i)
      if (axes[i].same_length) add_slices(sums, b.shape(), i, axes[i].slices);
  }
  add_to(total_, sample);
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
