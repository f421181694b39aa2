#include "core/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace inc::report {
namespace {

/// Characters of a label beside its bar, and above it.
constexpr std::size_t kShortLabel = 9, kLongestLabel = 48;
constexpr double kCharacter = 9;  ///< its width at most, on a phone
constexpr double kWidth = 460, kHeight = 240, kLeft = 78, kRight = 16, kTop = 14, kBottom = 40;

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

constexpr const char* kFigureEnd = "</svg></figure>";

std::string figure_start(const std::string& title, double height) {
  return fmt::format("<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 {1} {2}\" role=\"img\" aria-label=\"{0}\">",
                     escaped(title), kWidth, height);
}

/// At most that many characters: the middle goes first, the ends of names say more.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto whole = [&](std::size_t at) {
    while (at > 0 && at < text.size() && (text[at] & 0xc0) == 0x80) --at;
    return at;
  };
  const std::size_t begin = whole(most / 3), end = whole(text.size() - (most - most / 3 - 1));
  return text.substr(0, begin) + "…" + text.substr(end);
}

struct Frame {
  Scale x, y;
  bool line = false;
};

Frame frame_of(const Plot& plot, const std::vector<Dot>& dots) {
  double x0 = dots[0].x, x1 = x0, y0 = dots[0].y, y1 = y0;
  const bool line = !plot.line_label.empty() && std::isfinite(plot.line);
  if (line) y0 = std::min(y0, plot.line), y1 = std::max(y1, plot.line);
  for (const auto& dot : dots) {
    x0 = std::min(x0, dot.x), x1 = std::max(x1, dot.x);
    y0 = std::min({y0, dot.y, dot.low < dot.high ? dot.low : dot.y});
    y1 = std::max({y1, dot.y, dot.low < dot.high ? dot.high : dot.y});
  }
  return {scale_over(x0, x1, kLeft, kWidth - kRight), scale_over(y0, y1, kHeight - kBottom, kTop), line};
}

std::string front_line(const Frame& frame, const std::vector<std::pair<double, double>>& front) {
  std::string points;
  for (std::size_t i = 0; i < front.size(); ++i) {
    if (!std::isfinite(front[i].first) || !std::isfinite(front[i].second)) continue;
    if (!points.empty()) points += fmt::format("{:.1f},{:.1f} ", frame.x(front[i].first), frame.y(front[i - 1].second));
    points += fmt::format("{:.1f},{:.1f} ", frame.x(front[i].first), frame.y(front[i].second));
  }
  return points.empty() ? "" : fmt::format("<polyline class=\"front\" points=\"{}\"/>", points);
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
  bool above = false;
  std::size_t widest = 0;
  for (const auto& bar : bars) {
    widest = std::max(widest, bar.shown.size());
    if (std::isfinite(bar.value)) most = std::max(most, bar.value);
    above = above || bar.label.size() > kShortLabel;
  }
  const double row = above ? 46 : 34, left = above ? 0 : 80;
  const double room = kWidth - left - 12 - kCharacter * static_cast<double>(widest);
  std::string svg = figure_start(title, row * static_cast<double>(bars.size()) + 8);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double share = most > 0 && std::isfinite(bar.value) ? std::max(0.0, bar.value / most) : 0;
    const double top = row * static_cast<double>(i) + 6, y = above ? top + 16 : top;
    svg += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>", above ? top + 10 : top + 16,
                       escaped(shortened(bar.label, kLongestLabel)));
    svg += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"3\"/>",
                       bar.accent ? "bar accent" : "bar", left, y, std::max(1.0, room * share), above ? 18 : 22);
    svg += fmt::format("<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", left + 8 + room * share,
                       y + (above ? 14 : 16), escaped(bar.shown));
  }
  return svg + kFigureEnd;
}

std::string stacked_chart(const std::string& title, const std::vector<Stack>& stacks) {
  std::int64_t most = 1;
  for (const auto& stack : stacks) {
    std::int64_t sum = 0;
    for (const auto& part : stack.parts) sum += part.count;
    most = std::max(most, sum);
  }
  std::string keys;
  for (const auto& part : stacks.empty() ? std::vector<Stack::Part>{} : stacks.front().parts)
    keys += fmt::format("<span class=\"key {}\"></span>{}", part.style, escaped(part.name));
  const double row = 44, scale = (kWidth - 8) / static_cast<double>(most);
  std::string svg = figure_start(title, row * static_cast<double>(stacks.size()) + 4);
  svg.insert(svg.find("<svg"), fmt::format("<p class=\"keys\">{}</p>", keys));
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    const double top = row * static_cast<double>(i);
    svg += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>", top + 14,
                       escaped(shortened(stacks[i].label, kLongestLabel)));
    double x = 0;
    for (const auto& part : stacks[i].parts) {
      const double width = scale * static_cast<double>(part.count);
      if (part.count == 0) continue;
      svg += fmt::format(
          "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"18\"><title>{} {}</title></rect>",
          part.style, x, top + 20, std::max(1.0, width - 1), part.count, escaped(part.name));
      if (width > 26)
        svg += fmt::format("<text class=\"inside\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                           x + width / 2, top + 34, part.count);
      x += width;
    }
  }
  return svg + kFigureEnd;
}

std::string scatter_plot(const Plot& plot) {
  std::vector<Dot> dots;
  for (const auto& dot : plot.dots)
    if (std::isfinite(dot.x) && std::isfinite(dot.y)) dots.push_back(dot);
  if (dots.empty()) return "";
  const Frame frame = frame_of(plot, dots);
  std::string svg = figure_start(plot.title, kHeight) + ticks(frame.x, frame.y, plot);
  if (frame.line) {
    const double y = frame.y(plot.line);
    svg += fmt::format("<line class=\"target\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kWidth - kRight, y,
                       y);
    svg += fmt::format("<text class=\"target-label\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kWidth - kRight,
                       y - 4 < kTop + 10 ? y + 15 : y - 4, escaped(plot.line_label));
  }
  svg += front_line(frame, plot.front);
  for (const auto& dot : dots) {
    if (dot.low < dot.high)
      svg += fmt::format("<line class=\"span\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>",
                         frame.x(dot.x), frame.y(dot.low), frame.y(dot.high));
    svg += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}</title></circle>",
                       dot.accent ? "dot accent" : "dot", frame.x(dot.x), frame.y(dot.y), escaped(dot.tip));
  }
  return svg + kFigureEnd;
}

}  // namespace inc::report
