#pragma once
// Python scripts of the tests, run by an interpreter that has onnx and onnxruntime.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace inc::testing {

/// The interpreter: environment INC_PYTHON, else $INC_CPP_DEPS/venv/bin/python; absent when neither can import
/// onnxruntime.
std::optional<std::string> python();

struct ScriptResult {
  int status = 0;
  std::string output;  ///< of standard output
};
/// Runs tests/<script> with the arguments.
ScriptResult run_script(const std::string& interpreter, const std::string& script,
                        const std::vector<std::string>& arguments);

}  // namespace inc::testing

/// Declares `name` as the interpreter, or skips the test.
#define INC_PYTHON(name)                                                                      \
  const auto name##_found = ::inc::testing::python();                                         \
  if (!name##_found) GTEST_SKIP() << "no Python with onnxruntime (INC_PYTHON, INC_CPP_DEPS)"; \
  const std::string name = *name##_found
