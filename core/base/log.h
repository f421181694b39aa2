#pragma once
// Log lines for people, on standard error. The library never writes to standard output.
#include <string>

namespace inc::log {

enum class Level { Debug, Info, Warning, Error, Off };

void set_level(Level level);
void debug(const std::string& message);
void info(const std::string& message);
void warning(const std::string& message);

}  // namespace inc::log
