#include "app/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/runtime/saturating.h"

namespace inc::app {
namespace {

constexpr std::string_view kSaturating = "-avx2";

volatile std::sig_atomic_t stop_signal = 0;
const char* words = "";

extern "C" void on_second_stop(int signal) {
  [[maybe_unused]] const ssize_t said = ::write(STDERR_FILENO, words, std::strlen(words));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

extern "C" void on_stop(int signal) {
  stop_signal = 1;
  std::signal(signal, on_second_stop);
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
  if (name.ends_with(kSaturating))
    return runtime::saturating(make_adaptor(name.substr(0, name.size() - kSaturating.size())));
  throw ConfigError(fmt::format("unknown adaptor '{}': expected onednn, reference, onednn-avx2 or reference-avx2", name));
}

report::Report::Machine machine() {
  return {cpu_model(), onednn::isa_name(), threads()};
}

void install_stop_signals(const char* last_words) {
  words = last_words;
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
  std::signal(SIGUSR1, on_stop);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool stop_requested() noexcept {
  return stop_signal != 0;
}

}  // namespace inc::app
