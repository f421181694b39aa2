#include "core/base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

namespace inc {
namespace {

namespace fs = std::filesystem;

TEST(RemoveUnfinished, TakesWhatKilledWritersOfThatFileHaveLeftAndNothingElse) {
  const fs::path folder = fs::temp_directory_path() / ("inc_cpp_file_" + std::to_string(::getpid()));
  fs::create_directory(folder);
  for (const char* name : {"a.tmp12", "a.tmp7", "a", "a.tmp", "a.tmp7x", "b.tmp7", "aa.tmp7"})
    std::ofstream(folder / name) << "x";
  remove_unfinished(folder / "a");
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder)) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{"a", "a.tmp", "a.tmp7x", "b.tmp7", "aa.tmp7"}));
  fs::remove_all(folder);
  EXPECT_NO_THROW(remove_unfinished(folder / "a"));
}

}  // namespace
}  // namespace inc
