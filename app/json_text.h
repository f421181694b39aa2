#pragma once
// JSON objects as they are printed.
#include <nlohmann/json.hpp>
#include <string>

namespace inc::app {

/// Bytes that are not UTF-8, which file names and variables may have, become U+FFFD. `indent` -1: one line.
template <class Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace inc::app
