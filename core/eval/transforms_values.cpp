#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

template <class T>
constexpr bool kPlainInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class To, class From>
To converted(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (kPlainInteger<To> && !std::is_integral_v<From>) {
    double whole = 0;
    if constexpr (std::is_same_v<From, double>)
      whole = std::trunc(value);
    else
      whole = std::trunc(static_cast<float>(value));
    const double low = static_cast<double>(std::numeric_limits<To>::min());
    if (!(whole >= low && whole < std::ldexp(1.0, std::numeric_limits<To>::digits)))
      throw DataError(
          fmt::format("cannot cast to {}: {} found, a value of its range expected", name_of(DTypeOf<To>::value), whole));
    return static_cast<To>(whole);
  } else if constexpr (std::is_arithmetic_v<To> && std::is_arithmetic_v<From>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_arithmetic_v<To>) {
    return static_cast<To>(static_cast<float>(value));
  } else {
    return To(static_cast<float>(value));
  }
}

ir::Tensor reversed_channels(const ir::Tensor& item) {
  if (item.rank() != 3 || item.shape()[2] != 3)
    throw DataError(fmt::format("cannot reverse channels: {} found, [height, width, 3] expected", item.type().to_string()));
  ir::Tensor out(item.dtype(), item.shape());
  const std::size_t width = size_of(item.dtype());
  auto* to = out.mutable_raw();
  const auto* from = item.raw();
  for (std::int64_t i = 0, count = item.count(); i < count; i += 3, from += 3 * width)
    for (std::size_t c = 3; c-- > 0;) to = std::copy_n(from + c * width, width, to);
  return out;
}

ir::Tensor aligned_channels(const ir::Tensor& item, std::int64_t wanted) {
  const ir::Tensor image = item.rank() == 2 ? item.reshaped({item.shape()[0], item.shape()[1], 1}) : item;
  const std::int64_t channels = image.rank() == 3 ? image.shape()[2] : -1;
  if (channels == wanted) return image;
  const bool repeat = channels == 1, drop = channels == 4 && wanted == 3, grey = channels == 3 && wanted == 1;
  if (channels < 1 || image.dtype() != DType::UInt8 || !(repeat || drop || grey))
    throw DataError(fmt::format("cannot align channels: {} found, a uint8 image that can have {} channels expected",
                                item.type().to_string(), wanted));
  ir::Tensor out(DType::UInt8, {image.shape()[0], image.shape()[1], wanted});
  const auto* from = image.data<std::uint8_t>();
  auto* to = out.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0, count = image.count(); i < count; i += channels, from += channels, to += wanted) {
    if (repeat)
      std::fill_n(to, wanted, from[0]);
    else if (drop)
      std::copy_n(from, 3, to);
    else
      *to = static_cast<std::uint8_t>((from[0] * 19595u + from[1] * 38470u + from[2] * 7471u + 0x8000u) >> 16);
  }
  return out;
}

std::vector<float> floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

ir::Tensor cast_to(const ir::Tensor& item, DType dtype) {
  if (item.dtype() == dtype) return item;
  ir::Tensor out(dtype, item.shape());
  visit_dtype(item.dtype(), [&](auto from_zero) {
    visit_dtype(dtype, [&](auto to_zero) {
      using From = decltype(from_zero);
      using To = decltype(to_zero);
      const auto* from = item.data<From>();
      auto* to = out.mutable_data<To>();
      for (std::int64_t i = 0, count = item.count(); i < count; ++i) to[i] = converted<To>(from[i]);
    });
  });
  return out;
}

ir::Tensor rescaled(const ir::Tensor& item) {
  const ir::Tensor source = cast_to(item, DType::Float);
  ir::Tensor out(DType::Float, item.shape());
  const float* from = source.data<float>();
  std::transform(from, from + item.count(), out.mutable_data<float>(), [](float v) { return v / 255.0f; });
  return out;
}

ir::Tensor normalized(const ir::Tensor& item, const std::vector<float>& mean, const std::vector<float>& std) {
  const auto channels = item.rank() == 0 ? std::size_t{1} : static_cast<std::size_t>(item.shape().back());
  const auto fits = [&](std::size_t n) { return n == 1 || n == channels; };
  if (!fits(mean.size()) || !fits(std.size()))
    throw DataError(fmt::format("cannot normalize {}: {} means and {} deviations found, one or {} of each expected",
                                item.type().to_string(), mean.size(), std.size(), channels));
  const ir::Tensor source = cast_to(item, DType::Float);
  ir::Tensor out(DType::Float, item.shape());
  const float* from = source.data<float>();
  float* to = out.mutable_data<float>();
  for (std::int64_t i = 0, count = item.count(); i < count;) {
    for (std::size_t c = 0; c < channels; ++c, ++i)
      to[i] = (from[i] - mean[mean.size() == 1 ? 0 : c]) / std[std.size() == 1 ? 0 : c];
  }
  return out;
}

ir::Tensor transposed(const ir::Tensor& item, const std::vector<std::int64_t>& perm) {
  const auto rank = perm.size();
  if (static_cast<std::size_t>(item.rank()) != rank)
    throw DataError(fmt::format("cannot transpose: {} found, rank {} expected", item.type().to_string(), rank));
  std::vector<std::int64_t> strides(rank, 1), shape, step;
  for (std::size_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * item.shape()[d];
  for (const auto axis : perm) {
    shape.push_back(item.shape()[static_cast<std::size_t>(axis)]);
    step.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  ir::Tensor out(item.dtype(), shape);
  const std::size_t width = size_of(item.dtype());
  auto* to = out.mutable_raw();
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t offset = 0;
  for (std::int64_t i = 0, count = item.count(); i < count; ++i, to += width) {
    std::memcpy(to, item.raw() + static_cast<std::size_t>(offset) * width, width);
    for (std::size_t d = rank; d-- > 0;) {
      offset += step[d];
      if (++index[d] < shape[d]) break;
      offset -= step[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

Transform make_normalize(Parameters& parameters) {
  const auto mean = floats(parameters.numbers("mean", {{0.0}})), std = floats(parameters.numbers("std", {{1.0}}));
  if (mean.empty()) parameters.refuse("mean", "an empty list", "one value, or one per channel");
  if (std.empty() || std::any_of(std.begin(), std.end(), [](float v) { return !(v >= 1e-6f); }))
    parameters.refuse("std", fmt::format("[{}]", fmt::join(std, ", ")), "values of at least 1e-6");
  return {"Normalize", [mean, std](const ir::Tensor& item, Rng&, Place&) { return normalized(item, mean, std); }};
}

Transform make_rescale(Parameters&) {
  return {"Rescale", [](const ir::Tensor& item, Rng&, Place&) { return rescaled(item); }};
}

Transform make_transpose(Parameters& parameters) {
  const auto perm = parameters.integers("perm");
  auto sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<std::int64_t>(i))
      parameters.refuse("perm", fmt::format("[{}]", fmt::join(perm, ", ")), "each axis from 0 once");
  return {"Transpose", [perm](const ir::Tensor& item, Rng&, Place&) { return transposed(item, perm); }};
}

Transform make_cast(Parameters& parameters) {
  const DType dtype = parameters.dtype("dtype", DType::Float);
  return {"Cast", [dtype](const ir::Tensor& item, Rng&, Place&) { return cast_to(item, dtype); }};
}

Transform make_to_array(Parameters&) {
  return {"ToArray", [](const ir::Tensor& item, Rng&, Place&) { return item; }};
}

Transform make_align_image_channel(Parameters& parameters) {
  const std::int64_t dim = parameters.integer("dim", 3);
  if (dim < 1 || dim > 4) parameters.refuse("dim", fmt::format("{}", dim), "1..4");
  return {"AlignImageChannel", [dim](const ir::Tensor& item, Rng&, Place&) { return aligned_channels(item, dim); }};
}

Transform make_to_bgr(Parameters&) {
  return {"ToBGR", [](const ir::Tensor& item, Rng&, Place&) { return reversed_channels(item); }};
}

}  // namespace inc::eval
