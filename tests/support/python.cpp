#include "tests/support/python.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

namespace inc::testing {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

ScriptResult run_command(const std::string& command) {
  ScriptResult result;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {127, "cannot start a shell"};
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, n);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return result;
}

}  // namespace

std::optional<std::string> python() {
  static const std::optional<std::string> found = []() -> std::optional<std::string> {
    const char* given = std::getenv("INC_PYTHON");
    const char* deps = std::getenv("INC_CPP_DEPS");
    if (given == nullptr && deps == nullptr) return std::nullopt;
    const std::string candidate = given != nullptr ? given : std::string(deps) + "/venv/bin/python";
    const auto probe = run_command(quoted(candidate) + " -c 'import onnxruntime' 2>/dev/null");
    return probe.status == 0 ? std::optional(candidate) : std::nullopt;
  }();
  return found;
}

ScriptResult run_script(const std::string& interpreter, const std::string& script,
                        const std::vector<std::string>& arguments) {
  std::string command = quoted(interpreter) + " " + quoted(std::string(INC_SOURCE_DIR) + "/tests/" + script);
  for (const auto& argument : arguments) command += " " + quoted(argument);
  return run_command(command);
}

}  // namespace inc::testing
