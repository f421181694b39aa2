#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/file.h"
#include "core/config/config.h"
#include "core/config/visit.h"

namespace inc::config {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnusual = R"(
model: {name: "true", path: "a: b # ${HOME:-x}"}
quantization:
  calibration:
    sampling_size: [3, 4]
    dataloader:
      batch_size: 2
      dataset: {Arrays: {a: "007", b: 007.0, c: 1e-30, d: .inf, e: [], f: {}, g: , h: "no", i: yes, "<<": 2, j: "new\nline", "12": -1}}
      transform: {Z: {}, A: , M: 3}
  optype_wise: {Conv: {weight: {dtype: fp32}}}
  op_wise: {"x.*": {activation: {scheme: sym}}, "a": {weight: {bit: 7}}}
mixed_precision: {precisions: [fp32], allowlist: {add: ["1", 'x y', "~"]}}
tuning: {multi_objectives: {objective: [accuracy, performance], weight: [0.7, 3], higher_is_better: [True, no]}, accuracy_criterion: {absolute: 0.30000000000000004}, exit_policy: {timeout: 0.5}}
evaluation: {accuracy: {metric: topk}, performance: {configs: {cores_per_instance: 3}}}
target: {isa: any}
)";

TEST(WriteConfig, ReadingWhatWasWrittenGivesTheSame) {
  const Config config = read_config_text(kUnusual, "c.yaml");
  const std::string once = write_config(config);
  const Config again = read_config_text(once, "c.yaml");
  EXPECT_EQ(write_config(again), once);
  EXPECT_EQ(again.model.name, "true");
  EXPECT_EQ(again.model.path, config.model.path);
  EXPECT_EQ(again.mixed_precision->allowlist.add, config.mixed_precision->allowlist.add);
  EXPECT_EQ(*again.tuning.accuracy_criterion.absolute, 0.30000000000000004);
  const auto& before = std::get<ParameterMap>(config.quantization->calibration.dataloader->dataset->parameter.value);
  const auto& after = std::get<ParameterMap>(again.quantization->calibration.dataloader->dataset->parameter.value);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].first, after[i].first);
    EXPECT_EQ(before[i].second.value.index(), after[i].second.value.index()) << before[i].first;
  }
  EXPECT_EQ(std::get<std::string>(after[0].second.value), "007");
}

TEST(WriteConfig, TextsThatHoldVariablesAreNotExpandedAgain) {
  Config config;
  config.model.name = "${INC_TEST_SURELY_UNSET} $${x}";
  EXPECT_EQ(read_config_text(write_config(config), "c.yaml").model.name, config.model.name);
}

/// Sets every field, reached through fields(), to something that is not its default.
struct Change {
  template <class T>
  void operator()(std::string_view, T& member, std::string_view doc, const Constraint& constraint = {}) {
    EXPECT_FALSE(doc.empty());
    change(member, constraint);
  }
  void absent(std::string_view, std::string_view why, std::string_view) { EXPECT_FALSE(why.empty()); }
  void refused(std::string_view, std::string_view why, std::string_view) { EXPECT_FALSE(why.empty()); }

  template <class T>
  void change(T& member, const Constraint& c) {
    if constexpr (kIsOptional<T>) {
      change(member.emplace(), c);
    } else if constexpr (Section<T>) {
      fields(*this, member);
    } else if constexpr (std::is_same_v<T, bool>) {
      member = !member;
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      member += 3;
    } else if constexpr (std::is_same_v<T, double>) {
      member = c.min == c.max || c.min == 7 ? c.min : 0.25;
    } else if constexpr (std::is_same_v<T, std::string>) {
      member = text(c);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      member = {text(c)};
    } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
      member = {7, 8};
    } else if constexpr (std::is_same_v<T, std::vector<double>>) {
      member = {c.min == 7 ? c.min : 0.25};
    } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
      member = {false};
    } else if constexpr (std::is_same_v<T, Named>) {
      member.name = "n";
    } else if constexpr (std::is_same_v<T, std::vector<Named>>) {
      member.resize(1);
      member[0].name = "n";
    } else {
      fields(*this, member.emplace_back("k", OpRule{}).second);
    }
  }

  static std::string text(const Constraint& c) {
    std::string last = "t";
    for (const auto& choice : c.choices) {
      if (choice.refusal.empty() && choice.instead.empty()) last = choice.value;
    }
    return last;
  }
};

TEST(WriteConfig, EveryFieldSurvives) {
  Config config;
  Change change;
  fields(change, config);
  config.tuning.accuracy_criterion.absolute.reset();
  config.graph_optimization.reset();
  const std::string text = write_config(config);
  EXPECT_EQ(write_config(read_config_text(text, "c.yaml")), text);
  EXPECT_NE(text, write_config(Config{}));
}

class ShippedConfigs : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedConfigs, AreReadAndWrittenBack) {
  const Config config = read_config(fs::path(INC_SOURCE_DIR) / "configs" / GetParam());
  EXPECT_TRUE(config.not_honoured.empty());
  EXPECT_TRUE((config.quantization || config.mixed_precision) && config.evaluation && config.evaluation->accuracy->metric);
  const std::string text = write_config(config);
  EXPECT_EQ(write_config(read_config_text(text, "c.yaml")), text);
}

INSTANTIATE_TEST_SUITE_P(Config, ShippedConfigs,
                         ::testing::Values("quickstart.yaml", "resnet50.yaml", "mobilenet_v2.yaml", "bert.yaml",
                                           "bf16.yaml"));

TEST(ShippedConfigs, TakeTheirDataPathsFromTheEnvironment) {
  ::setenv("IMAGENET", "/somewhere", 1);
  const Config config = read_config(fs::path(INC_SOURCE_DIR) / "configs" / "resnet50.yaml");
  ::unsetenv("IMAGENET");
  EXPECT_THAT(write_config(config), ::testing::HasSubstr("data_path: /somewhere/val"));
}

void expect_golden(const std::string& text, const char* name) {
  const fs::path path = fs::path(INC_SOURCE_DIR) / "configs" / name;
  if (std::getenv("INC_UPDATE_GOLDEN") != nullptr) write_file_atomically(path, text);
  EXPECT_EQ(read_file(path), text) << "run again with INC_UPDATE_GOLDEN=1 and review the difference";
}

TEST(Schema, MarkdownIsThePageThatIsShipped) {
  expect_golden(schema_markdown(), "README.md");
}
TEST(Schema, JsonIsTheFileThatIsShipped) {
  expect_golden(schema_json(), "schema.json");
}

}  // namespace
}  // namespace inc::config
