#pragma once
// Numbers as people read them; "n/a" for what is not finite or not there.
#include <cstdint>
#include <string>

namespace inc::report {

std::string shown(double value, int decimals);
/// "-0.69 %": a loss of 0.0069, relative.
std::string change_text(double relative_loss);
/// "612.3 kB", "24.1 MB"; n/a for 0.
std::string size_text(std::int64_t bytes);
/// "1.63x": how many times `to` goes into `from`.
std::string times_text(double from, double to);
/// "1.63x faster" for ("faster", "slower"); the other way round "1.20x slower"; "n/a".
std::string compared_text(double from, double to, const char* less, const char* more);

}  // namespace inc::report
