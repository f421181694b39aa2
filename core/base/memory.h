#pragma once
// What the machine can still give.
#include <cstddef>

namespace inc {

/// Throws BackendError "out of memory: …" where `bytes` at once are more than the machine has left, or its control group may
/// have at all. Linux lends such memory all the same, and ends the process when it is written to.
void expect_memory(std::size_t bytes);

}  // namespace inc
