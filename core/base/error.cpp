#include "core/base/error.h"

#include <fmt/format.h>

namespace inc {

Error& Error::note(std::string frame) {
  notes_.push_back(std::move(frame));
  return *this;
}

std::string Error::full_message() const {
  std::string text = what();
  for (const auto& frame : notes_) text += "\n  " + frame;
  return text;
}

void fail_check(const char* condition, const char* what, const char* file, int line) {
  throw InternalError(fmt::format("{} ({} at {}:{})", what, condition, file, line));
}

}  // namespace inc
