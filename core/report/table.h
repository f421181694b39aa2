#pragma once
// Boxed text tables: the first column to the left, the others to the right.
#include <string>
#include <vector>

namespace inc::report {

using TextRow = std::vector<std::string>;
/// Every row has as many cells as the header. Widths count code points.
std::string boxed_table(const std::string& title, const TextRow& header, const std::vector<TextRow>& rows);

}  // namespace inc::report
