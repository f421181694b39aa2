#pragma once
// Where the shared real models and data lie. Tests that need them skip where they are absent.
#include <gtest/gtest.h>

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace inc::testing {

/// The path below the shared directory (environment INC_SHARED, else "shared" beside the source tree), when it exists.
std::optional<std::filesystem::path> shared(const std::string& relative);

struct RealModel {
  std::string task;  ///< as in realdata/reference_eval.py
  std::string path;  ///< below the shared directory
};
void PrintTo(const RealModel& model, std::ostream* out);
/// The eight real models.
const std::vector<RealModel>& real_models();

/// A fresh directory of this process, removed by the destructor.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace inc::testing

/// Declares `name` as the path of a shared file, or skips the test: INC_SHARED(model, "realdata/mnist/mnist-8.onnx");
#define INC_SHARED(name, relative)                                                       \
  const auto name##_found = ::inc::testing::shared(relative);                            \
  if (!name##_found) GTEST_SKIP() << "no shared file " << (relative) << " (INC_SHARED)"; \
  const std::filesystem::path name = *name##_found
