#include "core/calib/channel_means.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::calib {
namespace {

struct View {
  std::int64_t outer = 1, channels = 1, inner = 1;
};

View view(const ir::Tensor& tensor, int axis) {
  View v;
  for (int i = 0; i < tensor.rank(); ++i) {
    const std::int64_t size = tensor.shape()[static_cast<std::size_t>(i)];
    (i < axis ? v.outer : i == axis ? v.channels : v.inner) *= size;
  }
  return v;
}

}  // namespace

int channel_axis(const ir::Node& anchor, int rank) {
  return ops::reported_type(anchor) == "Conv" ? 1 : rank - 1;
}

std::vector<float> channel_means(const ir::Tensor& tensor, int axis, std::int64_t samples) {
  const View v = view(tensor, axis);
  const std::int64_t rows = samples > 1 && axis > 0 && tensor.shape()[0] == samples ? samples : 1;
  const std::int64_t outer = v.outer / rows;
  std::vector<float> means;
  const float* from = tensor.data<float>();
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> sum(static_cast<std::size_t>(v.channels));
    for (std::int64_t o = 0; o < outer; ++o) {
      if (v.inner == 1) {
        double* channel = sum.data();
#pragma omp simd
        for (std::int64_t c = 0; c < v.channels; ++c) channel[c] += double{from[c]};
        from += v.channels;
        continue;
      }
      for (auto& channel : sum) {
        double part = 0;
#pragma omp simd reduction(+ : part)
        for (std::int64_t i = 0; i < v.inner; ++i) part += double{from[i]};
        channel += part;
        from += v.inner;
      }
    }
    const auto elements = static_cast<double>(std::max<std::int64_t>(1, outer * v.inner));
    for (const double channel : sum) means.push_back(static_cast<float>(channel / elements));
  }
  return means;
}

ir::Tensor shifted(const ir::Tensor& tensor, int axis, const std::vector<float>& shift) {
  const View v = view(tensor, axis);
  ir::Tensor out(DType::Float, tensor.shape());
  const float* from = tensor.data<float>();
  float* to = out.mutable_data<float>();
  const auto channels = static_cast<std::int64_t>(shift.size());
  for (std::int64_t o = 0; v.inner == 1 && o < v.outer; ++o, from += channels, to += channels) {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c] + shift[static_cast<std::size_t>(c)];
  }
  for (std::int64_t o = 0; v.inner > 1 && o < v.outer; ++o)
    for (const float s : shift) {
#pragma omp simd
      for (std::int64_t i = 0; i < v.inner; ++i) to[i] = from[i] + s;
      from += v.inner;
      to += v.inner;
    }
  return out;
}

std::vector<float> significant_shift(const std::vector<float>& wanted, const std::vector<float>& found,
                                     std::size_t channels) {
  INC_CHECK(wanted.size() == found.size() && found.size() % channels == 0, "as many means of both");
  const std::size_t rows = found.size() / channels;
  std::vector<float> shift(channels);
  if (rows < 2) return shift;
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t i = c; i < found.size(); i += channels) sum += double{wanted[i]} - double{found[i]};
    const double mean = sum / static_cast<double>(rows);
    for (std::size_t i = c; i < found.size(); i += channels)
      squares += std::pow(double{wanted[i]} - double{found[i]} - mean, 2);
    const double error = squares / static_cast<double>((rows - 1) * rows);
    const double factor = mean == 0 ? 0 : std::max(0.0, 1 - error / (mean * mean));
    if (std::isfinite(mean * factor)) shift[c] = static_cast<float>(mean * factor);
  }
  return shift;
}

}  // namespace inc::calib
