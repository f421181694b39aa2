#include "core/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace inc::report {
namespace {

constexpr double kWidth = 460, kHeight = 240, kLeft = 62, kRight = 16, kTop = 14, kBottom = 40;

struct Scale {
  double low, high, from, to;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

Scale scale_over(double low, double high, double from, double to) {
  if (high - low < 1e-12) {
    const double margin = std::max(1e-6, std::abs(high) * 0.01);
    low -= margin;
    high += margin;
  }
  const double margin = 0.06 * (high - low);
  return {low - margin, high + margin, from, to};
}

/// Round values inside the scale: multiples of 1, 2 or 5 times a power of ten, about four of them, none below `least`.
std::vector<double> round_values(const Scale& scale, double least) {
  const double raw = (scale.high - scale.low) / 4;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double step = std::max(least, (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10) * power);
  std::vector<double> values;
  for (double i = std::ceil(scale.low / step); i * step <= scale.high && values.size() < 12; ++i) values.push_back(i * step);
  return values;
}

/// As many decimals as the step needs; no "-0".
std::string tick_text(double value, double step) {
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}", std::abs(value) < step / 2 ? 0.0 : value, decimals);
}

std::string ticks(const Scale& x, const Scale& y, const Plot& plot) {
  std::string text;
  const auto step_of = [](const std::vector<double>& v) {
    return v.size() > 1 ? v[1] - v[0] : std::max(1e-9, std::abs(v[0]) / 100);
  };
  const auto down = round_values(y, 0), across = round_values(x, plot.x.whole ? 1 : 0);
  for (const double value : down) {
    text += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kWidth - kRight,
                        y(value), y(value));
    text += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, y(value) + 4,
                        tick_text(value, step_of(down)));
  }
  for (const double value : across) {
    if (plot.x.whole && value < 1) continue;
    text += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x(value),
                        kHeight - kBottom + 16, tick_text(value, step_of(across)));
  }
  text += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                      (kLeft + kWidth - kRight) / 2, kHeight - 6, escaped(plot.x.label));
  text += fmt::format("<text class=\"axis\" transform=\"translate(12 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                      (kTop + kHeight - kBottom) / 2, escaped(plot.y.label));
  return text;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bar_chart(const std::string& title, const std::vector<Bar>& bars) {
  double most = 0;
  for (const auto& bar : bars)
    if (std::isfinite(bar.value)) most = std::max(most, bar.value);
  const double row = 34, height = row * static_cast<double>(bars.size()) + 8;
  std::string svg =
      fmt::format("<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                  escaped(title), kWidth, height, escaped(title));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double share = most > 0 && std::isfinite(bar.value) ? std::max(0.0, bar.value / most) : 0;
    const double y = row * static_cast<double>(i) + 6;
    svg += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>", y + 16, escaped(bar.label));
    svg += fmt::format("<rect class=\"{}\" x=\"72\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"22\" rx=\"3\"/>",
                       bar.accent ? "bar accent" : "bar", y, std::max(1.0, 280 * share));
    svg += fmt::format("<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", 80 + 280 * share, y + 16,
                       escaped(bar.shown));
  }
  return svg + "</svg></figure>";
}

std::string scatter_plot(const Plot& plot) {
  std::vector<Dot> dots;
  for (const auto& dot : plot.dots)
    if (std::isfinite(dot.x) && std::isfinite(dot.y)) dots.push_back(dot);
  if (dots.empty()) return "";
  double x0 = dots[0].x, x1 = x0, y0 = dots[0].y, y1 = y0;
  const bool line = !plot.line_label.empty() && std::isfinite(plot.line);
  if (line) y0 = std::min(y0, plot.line), y1 = std::max(y1, plot.line);
  for (const auto& dot : dots) {
    x0 = std::min(x0, dot.x), x1 = std::max(x1, dot.x);
    y0 = std::min(y0, dot.y), y1 = std::max(y1, dot.y);
  }
  const Scale x = scale_over(x0, x1, kLeft, kWidth - kRight), y = scale_over(y0, y1, kHeight - kBottom, kTop);
  std::string svg =
      fmt::format("<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                  escaped(plot.title), kWidth, kHeight, escaped(plot.title));
  svg += ticks(x, y, plot);
  if (line) {
    svg += fmt::format("<line class=\"target\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kWidth - kRight,
                       y(plot.line), y(plot.line));
    svg += fmt::format("<text class=\"target-label\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft + 4, y(plot.line) - 4,
                       escaped(plot.line_label));
  }
  if (plot.joined && dots.size() > 1) {
    svg += "<polyline class=\"joined\" points=\"";
    for (const auto& dot : dots) svg += fmt::format("{:.1f},{:.1f} ", x(dot.x), y(dot.y));
    svg += "\"/>";
  }
  for (const auto& dot : dots)
    svg += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\"><title>{}</title></circle>",
                       dot.accent ? "dot accent" : "dot", x(dot.x), y(dot.y), escaped(dot.tip));
  return svg + "</svg></figure>";
}

}  // namespace inc::report
