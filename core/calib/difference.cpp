#include "core/calib/difference.h"

#include <algorithm>
#include <vector>

namespace inc::calib {
namespace {

double width(const quant::Range& range) {
  return static_cast<double>(std::max(range.hi, 0.0f)) - static_cast<double>(std::min(range.lo, 0.0f));
}

}  // namespace

std::map<quant::RangeMethod, RangeDifference> differences_from_minmax(const quant::RangeTable& table) {
  std::map<quant::RangeMethod, std::vector<double>> ratios;
  for (const auto& [key, range] : table.tensor) {
    if (key.second == quant::RangeMethod::MinMax || !table.has(key.first, quant::RangeMethod::MinMax)) continue;
    const double whole = width(table.at(key.first, quant::RangeMethod::MinMax));
    ratios[key.second].push_back(whole > 0 ? width(range) / whole : 1);
  }
  std::map<quant::RangeMethod, RangeDifference> out;
  for (auto& [method, widths] : ratios) {
    std::sort(widths.begin(), widths.end());
    const auto narrower = std::lower_bound(widths.begin(), widths.end(), 1.0) - widths.begin();
    const std::size_t middle = widths.size() / 2;
    const double median = widths.size() % 2 == 1 ? widths[middle] : (widths[middle - 1] + widths[middle]) / 2;
    out[method] = {static_cast<std::int64_t>(widths.size()), narrower, median, widths.front()};
  }
  return out;
}

}  // namespace inc::calib
