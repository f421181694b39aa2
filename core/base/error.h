#pragma once
// Faults: one exception hierarchy with context notes. An expected outcome (an unsupported configuration, a failed
// trial, a missed target) is never an exception; see support.h and search/observation.h.
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inc {

/// The exit codes of the command line (docs: `inc-cpp --help`). Errors map to 2..5.
enum class ExitCode : int { Met = 0, Missed = 1, Usage = 2, Model = 3, Data = 4, Internal = 5 };

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  /// Appends a context frame, innermost first: "while applying fuse_conv_bn to node 'conv1'".
  Error& note(std::string frame);
  const std::vector<std::string>& notes() const noexcept { return notes_; }
  virtual ExitCode exit_code() const noexcept { return ExitCode::Internal; }
  /// The message and its notes, one per line, notes indented by two blanks.
  std::string full_message() const;

 private:
  std::vector<std::string> notes_;
};

/// Wrong usage or configuration; the message begins with file:line:column where there is one.
class ConfigError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const noexcept override { return ExitCode::Usage; }
};
/// A model that cannot be read or violates the ONNX specification.
class ModelError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const noexcept override { return ExitCode::Model; }
};
/// A valid model that uses an operator, type or form this product does not execute.
class UnsupportedError : public ModelError {
 public:
  using ModelError::ModelError;
};
/// Samples or labels that are missing, malformed or not finite.
class DataError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const noexcept override { return ExitCode::Data; }
};
/// A backend refused something it had said it supports, or the operating system failed us (disk full, no memory).
class BackendError : public Error {
 public:
  using Error::Error;
};
/// A broken invariant of our own; never raised for user input.
class InternalError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void fail_check(const char* condition, const char* what, const char* file, int line);

/// Runs act(); on an Error adds say() as a note and rethrows. say() is evaluated only on failure.
template <class Say, class Do>
auto with_context(Say&& say, Do&& act) -> decltype(act()) {
  try {
    return std::forward<Do>(act)();
  } catch (Error& e) {
    e.note(std::forward<Say>(say)());
    throw;
  }
}

}  // namespace inc

/// For our own invariants only. Never for user input, never inside kernels.
#define INC_CHECK(condition, what) \
  do { \
    if (!(condition)) ::inc::fail_check(#condition, what, __FILE__, __LINE__); \
  } while (false)
