#include "core/report/text.h"

#include <fmt/format.h>

#include <cmath>

namespace inc::report {
namespace {

constexpr const char* kNotKnown = "n/a";

}  // namespace

std::string shown(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : kNotKnown;
}

std::string change_text(double relative_loss) {
  if (!std::isfinite(relative_loss)) return kNotKnown;
  const double percent = -100 * relative_loss;
  return fmt::format("{:+.2f} %", std::abs(percent) < 0.005 ? 0.0 : percent);
}

std::string size_text(std::int64_t bytes) {
  if (bytes <= 0) return kNotKnown;
  const auto size = static_cast<double>(bytes);
  return bytes < 10'000'000 ? fmt::format("{:.1f} kB", size / 1e3) : fmt::format("{:.1f} MB", size / 1e6);
}

std::string times_text(double from, double to) {
  return std::isfinite(from) && std::isfinite(to) && from > 0 && to > 0 ? fmt::format("{:.2f}x", from / to) : kNotKnown;
}

std::string compared_text(double from, double to, const char* less, const char* more) {
  const std::string times = to > from ? times_text(to, from) : times_text(from, to);
  return times == kNotKnown ? times : fmt::format("{} {}", times, to > from ? more : less);
}

}  // namespace inc::report
