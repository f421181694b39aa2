#include "tests/unit/passes/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"

namespace inc::passes::testing {
namespace {

std::string stripped(std::string text) {
  const auto last = text.find_last_not_of(" \n");
  text.erase(last == std::string::npos ? 0 : last + 1);
  return text;
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  std::stringstream stream(list);
  for (std::string name; std::getline(stream >> std::ws, name, ',');) names.push_back(stripped(name));
  return names;
}

std::unique_ptr<const Pass> pass_named(const std::string& name) {
  auto pass = find_pass(name);
  if (!pass) throw InternalError("no pass is named '" + name + "'");
  return pass;
}

}  // namespace

std::filesystem::path golden_directory() {
  return std::filesystem::path(INC_SOURCE_DIR) / "tests/golden/passes";
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_directory())) names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<GoldenCase> read_golden(const std::string& name) {
  std::ifstream file(golden_directory() / (name + ".txt"));
  std::vector<GoldenCase> cases;
  std::string* section = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) {
      cases.push_back({line.substr(2), "", "", "", {}});
      section = nullptr;
    } else if (cases.empty()) {
      throw InternalError(name + ".txt does not begin with a comment");
    } else if (line.starts_with("pass: ")) {
      cases.back().pass = line.substr(6);
    } else if (line.starts_with("setup: ")) {
      cases.back().setup = split_names(line.substr(7));
    } else if (line == "-- before") {
      section = &cases.back().before;
    } else if (line == "-- after") {
      section = &cases.back().after;
    } else if (section) {
      *section += line + "\n";
    }
  }
  for (GoldenCase& golden : cases) {
    golden.before = stripped(golden.before);
    golden.after = stripped(golden.after);
  }
  return cases;
}

void write_golden(const std::string& name, const std::vector<GoldenCase>& cases) {
  std::ofstream file(golden_directory() / (name + ".txt"));
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const GoldenCase& golden = cases[i];
    file << (i == 0 ? "" : "\n") << "# " << golden.comment << "\npass: " << golden.pass << "\n";
    for (std::size_t k = 0; k < golden.setup.size(); ++k) file << (k == 0 ? "setup: " : ", ") << golden.setup[k];
    if (!golden.setup.empty()) file << "\n";
    file << "-- before\n" << golden.before << "\n-- after\n" << golden.after << "\n";
  }
}

ir::Graph prepared(const GoldenCase& golden) {
  ir::Graph graph = onnx_io::import_text(golden.before);
  for (const std::string& name : golden.setup) pass_named(name)->run(graph, nullptr);
  return graph;
}

std::string described(const ir::Graph& graph, const ir::Graph& before) {
  std::string text = ir::print(graph);
  for (const ir::ValueId id : graph.values())
    if (before.alive(id) && !(before.value(id).type == graph.value(id).type))
      text +=
          graph.value(id).name + ": " + before.value(id).type.to_string() + " is " + graph.value(id).type.to_string() + "\n";
  return text;
}

std::string outcome(const GoldenCase& golden) {
  const ir::Graph before = prepared(golden);
  ir::Graph graph = before;
  Findings findings;
  if (pass_named(golden.pass)->run(graph, &findings)) return stripped(described(graph, before));
  std::string reasons;
  for (const Finding& finding : findings) reasons += (reasons.empty() ? "" : "; ") + finding.why_not;
  return stripped("unchanged: " + reasons);
}

namespace {

class GoldenFile : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenFile, HoldsWhatThePassDoes) {
  auto cases = read_golden(GetParam());
  ASSERT_FALSE(cases.empty());
  const bool update = std::getenv("INC_UPDATE_GOLDEN") != nullptr;
  for (GoldenCase& golden : cases) {
    SCOPED_TRACE(golden.comment);
    EXPECT_EQ(golden.pass, GetParam()) << "a golden file is named after its pass";
    const std::string actual = outcome(golden);
    if (update)
      golden.after = actual;
    else
      EXPECT_EQ(golden.after, actual);
  }
  if (update) write_golden(GetParam(), cases);
}

INSTANTIATE_TEST_SUITE_P(Passes, GoldenFile, ::testing::ValuesIn(golden_names()), [](const auto& of) { return of.param; });

TEST(GoldenFiles, EveryPassHasOneThatShowsItAtWork) {
  const auto files = golden_names();
  for (const std::string_view name : pass_names()) {
    SCOPED_TRACE(std::string(name));
    ASSERT_TRUE(std::find(files.begin(), files.end(), name) != files.end()) << "tests/golden/passes has no file for it";
    const auto cases = read_golden(std::string(name));
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [](const auto& c) { return !c.after.starts_with("unchanged"); }));
  }
}

}  // namespace
}  // namespace inc::passes::testing
