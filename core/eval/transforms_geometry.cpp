#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/eval/image.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

constexpr std::array<std::string_view, 3> kInterpolations{"bilinear", "nearest", "bicubic"};

Interpolation interpolation_of(Parameters& parameters, std::string_view name = "interpolation") {
  const std::string word = parameters.choice(name, kInterpolations, "bilinear");
  return word == "nearest" ? Interpolation::Nearest : word == "bicubic" ? Interpolation::Bicubic : Interpolation::Bilinear;
}

struct Size {
  std::int64_t height, width;
};

Size size_of_image(const ir::Tensor& item) {
  if (item.rank() != 3 || item.count() == 0)
    throw DataError(
        fmt::format("image has the wrong form: {} found, [height, width, channels] expected", item.type().to_string()));
  return {item.shape()[0], item.shape()[1]};
}

Size width_first(Parameters& parameters) {
  const auto [width, height] = parameters.pair_of_sizes("size");
  return {height, width};
}

Size height_first(Parameters& parameters) {
  const auto [height, width] = parameters.pair_of_sizes("size");
  return {height, width};
}

struct Cut {
  std::int64_t y, x, height, width;
};

ir::Tensor cropped(const ir::Tensor& item, const Cut& box, Place& place) {
  const Size size = size_of_image(item);
  if (box.y < 0 || box.x < 0 || box.y > size.height - box.height || box.x > size.width - box.width)
    throw DataError(fmt::format("cannot crop {}x{} at row {}, column {}: an image of {}x{} found, a larger one expected",
                                box.height, box.width, box.y, box.x, size.height, size.width));
  place.shift(-static_cast<double>(box.x), -static_cast<double>(box.y));
  place.height = box.height;
  place.width = box.width;
  ir::Tensor out(item.dtype(), {box.height, box.width, item.shape()[2]});
  const std::size_t pixel = static_cast<std::size_t>(item.shape()[2]) * size_of(item.dtype());
  auto* to = out.mutable_raw();
  for (std::int64_t y = box.y; y < box.y + box.height; ++y)
    to = std::copy_n(item.raw() + static_cast<std::size_t>(y * size.width + box.x) * pixel,
                     static_cast<std::size_t>(box.width) * pixel, to);
  return out;
}

ir::Tensor resized(const ir::Tensor& item, Size wanted, Interpolation how, Place& place) {
  const Size size = size_of_image(item);
  place.scale(static_cast<double>(wanted.width) / static_cast<double>(size.width),
              static_cast<double>(wanted.height) / static_cast<double>(size.height));
  place.height = wanted.height;
  place.width = wanted.width;
  return resize(item, wanted.height, wanted.width, how);
}

ir::Tensor center_cropped(const ir::Tensor& item, Size wanted, Place& place) {
  const Size size = size_of_image(item);
  return cropped(item, {(size.height - wanted.height) / 2, (size.width - wanted.width) / 2, wanted.height, wanted.width},
                 place);
}

std::int64_t below(Rng& random, std::int64_t limit) {
  return limit > 0 ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(limit))) : 0;
}

ir::Tensor random_cropped(const ir::Tensor& item, Size wanted, Rng& random, Place& place) {
  const Size size = size_of_image(item);
  const std::int64_t y = below(random, size.height - wanted.height + 1), x = below(random, size.width - wanted.width + 1);
  return cropped(item, {y, x, wanted.height, wanted.width}, place);
}

struct CropRange {
  std::pair<double, double> area, ratio;
};

Cut random_box(Size size, const CropRange& range, Rng& random) {
  const double area = static_cast<double>(size.height * size.width);
  const double low = std::log(range.ratio.first), high = std::log(range.ratio.second);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = (range.area.first + (range.area.second - range.area.first) * random.uniform()) * area;
    const double ratio = std::exp(low + (high - low) * random.uniform());
    const auto width = static_cast<std::int64_t>(std::lround(std::sqrt(target * ratio)));
    const auto height = static_cast<std::int64_t>(std::lround(std::sqrt(target / ratio)));
    if (width < 1 || height < 1 || width >= size.width || height >= size.height) continue;
    const std::int64_t x = below(random, size.width - width), y = below(random, size.height - height);
    return {y, x, height, width};
  }
  const double ratio = static_cast<double>(size.width) / static_cast<double>(size.height);
  Cut box{0, 0, size.height, size.width};
  if (ratio < range.ratio.first)
    box.height = std::clamp<std::int64_t>(std::lround(static_cast<double>(size.width) / range.ratio.first), 1, size.height);
  if (ratio > range.ratio.second)
    box.width = std::clamp<std::int64_t>(std::lround(static_cast<double>(size.height) * range.ratio.second), 1, size.width);
  box.y = (size.height - box.height) / 2;
  box.x = (size.width - box.width) / 2;
  return box;
}

ir::Tensor flipped(const ir::Tensor& item, bool vertical, Place& place) {
  const Size size = size_of_image(item);
  place.scale(vertical ? 1 : -1, vertical ? -1 : 1);
  place.shift(vertical ? 0.0 : static_cast<double>(size.width), vertical ? static_cast<double>(size.height) : 0.0);
  ir::Tensor out(item.dtype(), item.shape());
  const std::size_t pixel = static_cast<std::size_t>(item.shape()[2]) * size_of(item.dtype());
  auto* to = out.mutable_raw();
  for (std::int64_t y = 0; y < size.height; ++y)
    for (std::int64_t x = 0; x < size.width; ++x) {
      const std::int64_t from = vertical ? (size.height - 1 - y) * size.width + x : y * size.width + size.width - 1 - x;
      to = std::copy_n(item.raw() + static_cast<std::size_t>(from) * pixel, pixel, to);
    }
  return out;
}

ir::Tensor placed(const ir::Tensor& item, Size canvas, std::int64_t y, std::int64_t x, double value, Place& place) {
  const Size size = size_of_image(item);
  place.shift(static_cast<double>(x), static_cast<double>(y));
  place.height = canvas.height;
  place.width = canvas.width;
  ir::Tensor fill = cast_to(ir::Tensor::scalar(value), item.dtype());
  ir::Tensor out(item.dtype(), {canvas.height, canvas.width, item.shape()[2]});
  const std::size_t width = size_of(item.dtype()), pixel = static_cast<std::size_t>(item.shape()[2]) * width;
  for (std::int64_t i = 0, count = out.count(); i < count; ++i)
    std::memcpy(out.mutable_raw() + static_cast<std::size_t>(i) * width, fill.raw(), width);
  for (std::int64_t row = 0; row < size.height; ++row)
    std::memcpy(out.mutable_raw() + static_cast<std::size_t>((y + row) * canvas.width + x) * pixel,
                item.raw() + static_cast<std::size_t>(row * size.width) * pixel,
                static_cast<std::size_t>(size.width) * pixel);
  return out;
}

std::int64_t positive(Parameters& parameters, std::string_view name, std::optional<std::int64_t> fallback = std::nullopt) {
  const std::int64_t value = parameters.integer(name, fallback);
  if (value < 1 || value > 65535) parameters.refuse(name, fmt::format("{}", value), "1..65535");
  return value;
}

std::pair<double, double> interval(Parameters& parameters, std::string_view name, std::pair<double, double> fallback) {
  const auto list = parameters.numbers(name, {{fallback.first, fallback.second}});
  if (list.size() != 2 || !(list[0] > 0) || !(list[0] <= list[1]) || !std::isfinite(list[1]))
    parameters.refuse(name, fmt::format("[{}]", fmt::join(list, ", ")), "[low, high], positive");
  return {list[0], list[1]};
}

std::int64_t scaled(std::int64_t side, double factor) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::nearbyint(static_cast<double>(side) * factor)));
}

}  // namespace

Transform make_resize(Parameters& parameters) {
  const Size size = width_first(parameters);
  const Interpolation how = interpolation_of(parameters);
  return {"Resize", [=](const ir::Tensor& item, Rng&, Place& place) { return resized(item, size, how, place); }};
}

Transform make_center_crop(Parameters& parameters) {
  const Size size = height_first(parameters);
  return {"CenterCrop", [=](const ir::Tensor& item, Rng&, Place& place) { return center_cropped(item, size, place); }};
}

Transform make_crop_resize(Parameters& parameters) {
  const Cut box{parameters.integer("y"), parameters.integer("x"), positive(parameters, "height"),
                positive(parameters, "width")};
  const Size size = width_first(parameters);
  const Interpolation how = interpolation_of(parameters);
  return {"CropResize",
          [=](const ir::Tensor& item, Rng&, Place& place) { return resized(cropped(item, box, place), size, how, place); }};
}

Transform make_crop_to_bounding_box(Parameters& parameters) {
  const Cut box{parameters.integer("offset_height"), parameters.integer("offset_width"),
                positive(parameters, "target_height"), positive(parameters, "target_width")};
  return {"CropToBoundingBox", [=](const ir::Tensor& item, Rng&, Place& place) { return cropped(item, box, place); }};
}

Transform make_random_crop(Parameters& parameters) {
  const Size size = height_first(parameters);
  return {"RandomCrop",
          [=](const ir::Tensor& item, Rng& random, Place& place) { return random_cropped(item, size, random, place); }};
}

Transform make_random_resized_crop(Parameters& parameters) {
  const Size size = width_first(parameters);
  const CropRange range{interval(parameters, "scale", {0.08, 1.0}), interval(parameters, "ratio", {3.0 / 4.0, 4.0 / 3.0})};
  const Interpolation how = interpolation_of(parameters);
  return {"RandomResizedCrop", [=](const ir::Tensor& item, Rng& random, Place& place) {
            return resized(cropped(item, random_box(size_of_image(item), range, random), place), size, how, place);
          }};
}

Transform make_random_horizontal_flip(Parameters&) {
  return {"RandomHorizontalFlip", [](const ir::Tensor& item, Rng& random, Place& place) {
            return random.uniform() < 0.5 ? flipped(item, false, place) : item;
          }};
}

Transform make_random_vertical_flip(Parameters&) {
  return {"RandomVerticalFlip", [](const ir::Tensor& item, Rng& random, Place& place) {
            return random.uniform() < 0.5 ? flipped(item, true, place) : item;
          }};
}

Transform make_resize_with_ratio(Parameters& parameters) {
  const std::int64_t least = positive(parameters, "min_dim", 800), most = positive(parameters, "max_dim", 1365);
  const bool padding = parameters.flag("padding", false);
  const double value = parameters.number("constant_value", 0.0);
  return {"ResizeWithRatio", [=](const ir::Tensor& item, Rng&, Place& place) {
            const Size size = size_of_image(item);
            const auto shorter = static_cast<double>(std::min(size.height, size.width));
            const auto longer = static_cast<double>(std::max(size.height, size.width));
            double factor = std::max(1.0, static_cast<double>(least) / shorter);
            if (std::nearbyint(longer * factor) > static_cast<double>(most)) factor = static_cast<double>(most) / longer;
            const Size next{scaled(size.height, factor), scaled(size.width, factor)};
            ir::Tensor image = resized(item, next, Interpolation::Bilinear, place);
            if (!padding) return image;
            return placed(image, {most, most}, (most - next.height) / 2, (most - next.width) / 2, value, place);
          }};
}

Transform make_resize_crop_imagenet(Parameters& parameters) {
  const Size crop{positive(parameters, "height"), positive(parameters, "width")};
  const std::int64_t side = positive(parameters, "resize_side", 256);
  const bool random_crop = parameters.flag("random_crop", false);
  const auto mean = parameters.numbers("mean_value", {{0.0, 0.0, 0.0}});
  const auto std = parameters.numbers("std_value", {{0.229, 0.224, 0.225}});
  const Interpolation how = interpolation_of(parameters, "resize_method");
  if (std::any_of(std.begin(), std.end(), [](double v) { return !(v >= 1e-6); }))
    parameters.refuse("std_value", fmt::format("[{}]", fmt::join(std, ", ")), "values of at least 1e-6");
  const std::vector<float> means(mean.begin(), mean.end()), deviations(std.begin(), std.end());
  return {"ResizeCropImagenet", [=](const ir::Tensor& item, Rng& random, Place& place) {
            const Size size = size_of_image(item);
            const bool tall = size.height > size.width;
            const std::int64_t longer = std::max(size.height, size.width) * side / std::min(size.height, size.width);
            const Size shorter{tall ? longer : side, tall ? side : longer};
            const ir::Tensor image = resized(item, shorter, how, place);
            const ir::Tensor part =
                random_crop ? random_cropped(image, crop, random, place) : center_cropped(image, crop, place);
            return transposed(normalized(rescaled(part), means, deviations), {2, 0, 1});
          }};
}

Transform make_letter_box(Parameters& parameters) {
  static constexpr std::array<std::string_view, 2> kAlignments{"top_left", "center"};
  const std::int64_t side = positive(parameters, "size");
  const double value = parameters.number("value", 114.0);
  if (!(value >= 0 && value <= 255)) parameters.refuse("value", fmt::format("{}", value), "0..255");
  const bool center = parameters.choice("align", kAlignments, "top_left") == "center";
  return {"LetterBox", [=](const ir::Tensor& item, Rng&, Place& place) {
            const Size size = size_of_image(item);
            const auto height = static_cast<double>(size.height), width = static_cast<double>(size.width);
            const double ratio = std::min(static_cast<double>(side) / width, static_cast<double>(side) / height);
            const auto part = [&](double length) {
              return std::max<std::int64_t>(1, static_cast<std::int64_t>(length * ratio));
            };
            const Size next{part(height), part(width)};
            place.scale(ratio, ratio);
            const std::int64_t y = center ? (side - next.height) / 2 : 0, x = center ? (side - next.width) / 2 : 0;
            return placed(resize(item, next.height, next.width, Interpolation::Bilinear), {side, side}, y, x, value, place);
          }};
}

}  // namespace inc::eval
