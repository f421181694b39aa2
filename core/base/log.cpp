#include "core/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace inc::log {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("inc-cpp", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%^%l%$: %v");
    return made;
  }();
  return *instance;
}

}  // namespace

void set_level(Level level) {
  using enum Level;
  switch (level) {
    case Debug: return logger().set_level(spdlog::level::debug);
    case Info: return logger().set_level(spdlog::level::info);
    case Warning: return logger().set_level(spdlog::level::warn);
    case Error: return logger().set_level(spdlog::level::err);
    case Off: return logger().set_level(spdlog::level::off);
  }
}
void debug(const std::string& message) { logger().debug(message); }
void info(const std::string& message) { logger().info(message); }
void warning(const std::string& message) { logger().warn(message); }

}  // namespace inc::log
