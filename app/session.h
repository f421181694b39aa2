#pragma once
// Names to objects: what the command line and the Python layer share.
#include <memory>
#include <string_view>

#include "core/report/report.h"
#include "core/runtime/adaptor.h"

namespace inc::app {

/// "onednn" (the engine) or "reference" (the scalar oracle); with "-avx2" behind it, INT8 sums saturate as on a CPU without
/// VNNI. Applies INC_MAX_ISA. Throws ConfigError.
std::unique_ptr<const runtime::Adaptor> make_adaptor(std::string_view name = "onednn");

/// CPU model, effective ISA, threads.
report::Report::Machine machine();

/// SIGINT, SIGTERM and SIGUSR1 (which mpirun passes on) ask the run to finish the batch in hand; a second one of the same
/// ends the process at once, after `last_words` on standard error. A file that may not grow any more becomes an error of the
/// write.
void install_stop_signals(const char* last_words = "");
bool stop_requested() noexcept;

}  // namespace inc::app
