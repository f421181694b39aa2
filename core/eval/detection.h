#pragma once
// Boxes in pictures: what a data set knows of them, carried in a sample's label, and how they overlap.
#include <cstdint>
#include <string>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::eval {

/// Corners in pixels, x to the right and y downwards from the upper left corner of the picture.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  /// 0 where a corner is on the wrong side of the other.
  double area() const noexcept;
};
double intersection(const Box& a, const Box& b) noexcept;
/// Intersection over union; 0 where neither has an area.
double overlap(const Box& a, const Box& b) noexcept;

/// Where transforms have put the picture of a file: x in the picture that the model sees = x in the file's * scale_x +
/// shift_x, and so for y. `width` and `height` are those of the picture that the model sees.
struct Place {
  double scale_x = 1, scale_y = 1, shift_x = 0, shift_y = 0;
  std::int64_t width = 0, height = 0;

  void scale(double x, double y) noexcept;
  void shift(double x, double y) noexcept;
  /// A box of the picture that the model sees, in the file's.
  Box back(const Box& seen) const noexcept;
};

/// A box that is known to be in a picture, in pixels of the file.
struct TrueBox {
  Box box;
  std::int64_t label = 0;
  double area = 0;     ///< of the object; decides whether it is small, medium or large
  bool crowd = false;  ///< several objects: a detection inside is neither right nor wrong
};

struct Truth {
  std::int64_t picture = 0;  ///< number of the sample in the order of the files
  Place place;
  std::vector<TrueBox> boxes;
};

/// As a sample's label: double [1 + boxes, 8].
ir::Tensor to_tensor(const Truth& truth);
bool is_truth(const ir::Tensor& label) noexcept;
/// Throws DataError where it is none; `sample` is for the message.
Truth truth_of(const ir::Tensor& label, std::int64_t sample);

/// Throws DataError, "<place>: <found> found, … expected", unless the box is finite, its corners are in order, and it lies
/// in the picture at least in part.
void require_box(const std::string& place, const Box& box, double width, double height);

}  // namespace inc::eval
