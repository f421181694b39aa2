#pragma once
// Inline SVG charts; colours come from the page's CSS variables.
#include <string>
#include <vector>

namespace inc::report {

struct Bar {
  std::string label, shown;  ///< what it is, and its value as text
  double value = 0;
  bool accent = false;
};
/// Horizontal bars from zero; values that are not finite or negative are drawn empty.
std::string bar_chart(const std::string& title, const std::vector<Bar>& bars);

struct Dot {
  double x = 0, y = 0;
  std::string tip;
  bool accent = false;
};
struct Axis {
  std::string label;
  bool whole = false;  ///< counts from 1: no fractions on the axis
};
struct Plot {
  std::string title;
  Axis x, y;
  std::vector<Dot> dots;
  double line = 0;         ///< a horizontal line at this y
  std::string line_label;  ///< empty: no line
  bool joined = false;     ///< dots joined in order
};
/// Empty when no dot is finite.
std::string scatter_plot(const Plot& plot);

std::string escaped(const std::string& text);

}  // namespace inc::report
