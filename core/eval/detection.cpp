#include "core/eval/detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace inc::eval {
namespace {

constexpr std::int64_t kColumns = 8;
/// In the last column of the first row.
constexpr double kMark = 0x7472757468;

}  // namespace

double Box::area() const noexcept {
  return std::max(0.0, right - left) * std::max(0.0, bottom - top);
}

double intersection(const Box& a, const Box& b) noexcept {
  const Box shared{std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
                   std::min(a.bottom, b.bottom)};
  return shared.area();
}

double overlap(const Box& a, const Box& b) noexcept {
  const double shared = intersection(a, b), all = a.area() + b.area() - shared;
  return all > 0 ? shared / all : 0.0;
}

void Place::scale(double x, double y) noexcept {
  scale_x *= x;
  shift_x *= x;
  scale_y *= y;
  shift_y *= y;
}

void Place::shift(double x, double y) noexcept {
  shift_x += x;
  shift_y += y;
}

Box Place::back(const Box& seen) const noexcept {
  const auto [left, right] = std::minmax({(seen.left - shift_x) / scale_x, (seen.right - shift_x) / scale_x});
  const auto [top, bottom] = std::minmax({(seen.top - shift_y) / scale_y, (seen.bottom - shift_y) / scale_y});
  return {left, top, right, bottom};
}

ir::Tensor to_tensor(const Truth& truth) {
  ir::Tensor label(DType::Double, {1 + static_cast<std::int64_t>(truth.boxes.size()), kColumns});
  double* out = label.mutable_data<double>();
  const Place& place = truth.place;
  for (const double v : {static_cast<double>(truth.picture), place.scale_x, place.scale_y, place.shift_x, place.shift_y,
                         static_cast<double>(place.width), static_cast<double>(place.height), kMark})
    *out++ = v;
  for (const TrueBox& known : truth.boxes)
    for (const double v : {known.box.left, known.box.top, known.box.right, known.box.bottom,
                           static_cast<double>(known.label), known.area, known.crowd ? 1.0 : 0.0, 0.0})
      *out++ = v;
  return label;
}

bool is_truth(const ir::Tensor& label) noexcept {
  return label.defined() && label.dtype() == DType::Double && label.rank() == 2 && label.shape()[0] > 0 &&
         label.shape()[1] == kColumns && label.data<double>()[kColumns - 1] == kMark;
}

Truth truth_of(const ir::Tensor& label, std::int64_t sample) {
  if (!is_truth(label))
    throw DataError(
        fmt::format("label of sample {} has the wrong form: {} found, the boxes of a detection data set expected", sample,
                    label.defined() ? label.type().to_string() : "nothing"));
  const double* row = label.data<double>();
  const auto whole = [](double v) { return static_cast<std::int64_t>(v); };
  Truth truth{whole(row[0]), {row[1], row[2], row[3], row[4], whole(row[5]), whole(row[6])}, {}};
  for (std::int64_t i = 1; i < label.shape()[0]; ++i) {
    row += kColumns;
    truth.boxes.push_back({{row[0], row[1], row[2], row[3]}, whole(row[4]), row[5], row[6] != 0});
  }
  return truth;
}

void require_box(const std::string& place, const Box& box, double width, double height) {
  const auto refuse = [&](std::string_view expected) {
    throw DataError(fmt::format("{}: a box from ({:g}, {:g}) to ({:g}, {:g}) found, {} expected", place, box.left, box.top,
                                box.right, box.bottom, expected));
  };
  for (const double v : {box.left, box.top, box.right, box.bottom})
    if (!std::isfinite(v)) refuse("finite numbers");
  if (!(box.left <= box.right && box.top <= box.bottom)) refuse("sizes that are not negative");
  if (box.left >= width || box.top >= height || box.right <= 0 || box.bottom <= 0)
    refuse(fmt::format("one inside a picture of {:g} x {:g}, at least in part,", width, height));
}

}  // namespace inc::eval
