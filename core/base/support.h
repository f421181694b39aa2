#pragma once
// The answer to "can you do this?": yes, or no with a reason that reaches the report.
#include <string>
#include <utility>

namespace inc {

class [[nodiscard]] Support {
 public:
  static Support yes() { return Support({}, true); }
  static Support no(std::string why) { return Support(std::move(why), false); }
  explicit operator bool() const noexcept { return yes_; }
  /// Empty when the answer is yes.
  const std::string& why_not() const noexcept { return why_; }

 private:
  Support(std::string why, bool yes) : why_(std::move(why)), yes_(yes) {}
  std::string why_;
  bool yes_;
};

}  // namespace inc
