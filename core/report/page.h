#pragma once
// What pages are made of: frame, style, tiles, tables. Everything in one file, no scripts, light and dark.
#include <cstdint>
#include <string>
#include <vector>

namespace inc::report {

/// A whole page; `body` is HTML.
std::string page(const std::string& title, const std::string& body);

/// A heading and what belongs under it; nothing where there is nothing.
std::string section(const std::string& title, const std::string& body);
/// The same, to be opened by the reader.
std::string folded(const std::string& title, const std::string& body);
std::string paragraph(const std::string& text);
/// A number and what it is.
std::string tile(const std::string& value, const std::string& label);
std::string tiles(const std::vector<std::string>& each);
/// Figures side by side where there is room.
std::string charts(const std::vector<std::string>& figures);

/// `style`: "" text, "n" number, "name" a name that may be long, "note" text that may be long, "int8" and so on.
struct Cell {
  std::string html;
  std::string style = "";
};
Cell text_cell(const std::string& text, const std::string& style = "");
/// An operator: its name, its type below.
Cell operator_cell(const std::string& name, const std::string& op_type);
Cell count_cell(std::int64_t count);
Cell number_cell(double value, int decimals);  ///< empty where not finite
/// A number with a bar behind it, as long as `share` (0 to 1) says.
Cell bar_cell(const std::string& text, double share);
Cell precision_cell(const std::string& precision);

using Row = std::vector<Cell>;
/// Scrolls inside its box where it is wider than the page. Headers take the style of their column.
std::string table(const Row& header, const std::vector<Row>& rows);

}  // namespace inc::report
