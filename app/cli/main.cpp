#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "app/cli/commands.h"
#include "app/cli/job.h"

namespace {

int fail(const std::string& message, inc::ExitCode code) {
  inc::cli::fail_job(
      code, [](const std::string& text) { std::fprintf(stderr, "error: %s\n", text.c_str()); }, message);
  return static_cast<int>(code);
}

/// A stream that was closed before the start would leave its number to the first file opened, and messages would go there.
/// In its place stands what cannot be read or written either.
void occupy_closed_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) < 0) return;
}

/// A result that nobody can read is no success.
void flush_result() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw inc::BackendError(fmt::format("cannot write the result to standard output: {}", std::strerror(errno)));
}

int run(int argc, char** argv) {
  CLI::App app(
      "Quantizes FP32 ONNX models to INT8 within an accuracy target.\n"
      "Exit codes: 0 target met, 1 target missed, 2 usage or configuration, 3 model, 4 data, 5 internal.");
  app.name("inc-cpp");
  app.set_version_flag("--version", "inc-cpp " INC_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("error: {}\nRun with --help for more information.\n", error.what());
  });
  inc::cli::Chosen chosen;
  inc::cli::add_quantize(app, chosen);
  inc::cli::add_evaluate(app, chosen);
  inc::cli::add_benchmark(app, chosen);
  inc::cli::add_inspect(app, chosen);
  inc::cli::add_doctor(app, chosen);
  inc::cli::add_compare(app, chosen);
  inc::cli::add_launch(app, chosen);
  inc::cli::add_list(app, chosen);
  inc::cli::add_schema(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(inc::ExitCode::Usage);
  }
  return static_cast<int>(chosen.run());
}

}  // namespace

int main(int argc, char** argv) {
  occupy_closed_streams();
  try {
    const int code = run(argc, argv);
    flush_result();
    inc::cli::leave_job();
    return code;
  } catch (const inc::Error& error) {
    return fail(error.full_message(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return fail("out of memory", inc::ExitCode::Internal);
  } catch (const std::exception& error) {
    return fail(error.what(), inc::ExitCode::Internal);
  }
}
