#pragma once
// Inline SVG charts; colours come from the page's CSS variables.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace inc::report {

struct Bar {
  std::string label, shown;  ///< what it is, and its value as text
  double value = 0;
  bool accent = false;
};
/// Horizontal bars from zero; values that are not finite or negative are drawn empty. Long labels stand above their bars,
/// shortened in the middle.
std::string bar_chart(const std::string& title, const std::vector<Bar>& bars);

/// One horizontal bar from parts side by side; `style` is the part's class.
struct Stack {
  struct Part {
    std::string style, name;
    std::int64_t count = 0;
  };
  std::string label;
  std::vector<Part> parts;
};
/// All to one scale, with the counts in the parts where there is room. The parts of the first bar say what there is in all.
std::string stacked_chart(const std::string& title, const std::vector<Stack>& stacks);

struct Dot {
  double x = 0, y = 0;
  std::string tip;
  bool accent = false;
  double low = 0, high = 0;  ///< the interval of y, drawn where low < high
};
struct Axis {
  std::string label;
  bool whole = false;  ///< counts from 1: no fractions on the axis
};
struct Plot {
  std::string title;
  Axis x, y;
  std::vector<Dot> dots;
  double line = 0;                               ///< a horizontal line at this y
  std::string line_label;                        ///< empty: no line
  std::vector<std::pair<double, double>> front;  ///< a stepped line through these points, in the order of x
};
/// Empty when no dot is finite.
std::string scatter_plot(const Plot& plot);

std::string escaped(const std::string& text);

}  // namespace inc::report
