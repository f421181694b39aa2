#include "app/session.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace inc::app {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

extern "C" void on_stop(int signal) {
  stop_signal = 1;
  std::signal(signal, SIG_DFL);
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

std::unique_ptr<const runtime::Adaptor> make_adaptor(std::string_view name) {
  onednn::apply_isa_cap();
  if (name == "onednn") return onednn::make_adaptor();
  if (name == "reference") return reference::make_adaptor();
  throw ConfigError(fmt::format("unknown adaptor '{}': expected onednn or reference", name));
}

report::Report::Machine machine() {
  return {cpu_model(), onednn::isa_name(), threads()};
}

void install_stop_signals() {
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
}

bool stop_requested() noexcept {
  return stop_signal != 0;
}

}  // namespace inc::app
