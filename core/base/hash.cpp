#include "core/base/hash.h"

#include <fmt/format.h>

namespace inc {

std::string Hash64::hex() const { return fmt::format("{:016x}", value_); }

}  // namespace inc
