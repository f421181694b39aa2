#include "core/tuning/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/tuning/cost_designs.h"
#include "tests/support/models.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint8_t kInt8 = 0, kFp32 = 2;

/// Operators in a row, each with a class in INT8, BF16 and FP32, and a pooling without a choice behind every second one.
CostLayout chain(std::size_t length) {
  CostLayout layout;
  for (std::size_t i = 0; i < length; ++i) {
    CostSite site{"op" + std::to_string(i), i, {}, {}};
    if (i > 0) site.before = {i - 1};
    if (i + 1 < length) site.after = {i + 1};
    layout.sites.push_back(site);
    if (i % 2 == 1 && i + 1 < length) layout.sites.push_back({"pool" + std::to_string(i), {}, {i}, {i + 1}});
    layout.nodes.push_back({static_cast<std::uint32_t>(i)});
    layout.dims.push_back(site.name);
    layout.classes.push_back({"int8", "bf16", "fp32"});
    layout.class_of.push_back({0, 1, 2});
  }
  return layout;
}

TuningSpace space_of(const CostLayout& layout) {
  TuningSpace space;
  space.nodes = layout.nodes;
  for (const auto& name : layout.dims) {
    space.shape.dims.push_back({name, "Conv", {"int8", "bf16", "fp32"}});
    space.options.push_back({{quant::Precision::Int8}, {quant::Precision::Bf16}, {}});
  }
  return space;
}

/// An operator is fastest in INT8; a boundary costs a conversion on the side of the later operator; a pooling is cheap
/// between operators of one class only.
std::vector<float> times(const CostLayout& layout, const Classes& classes) {
  std::vector<float> ms;
  for (std::size_t i = 0; i < layout.sites.size(); ++i) {
    const CostSite& site = layout.sites[i];
    if (site.own) {
      const std::size_t own = *site.own;
      float time = (1.0f + static_cast<float>(own % 3)) * (classes[own] == 0 ? 0.3f : classes[own] == 1 ? 0.6f : 1.0f);
      if (!site.before.empty() && classes[site.before[0]] != classes[own]) time += 0.2f;
      ms.push_back(time);
    } else {
      ms.push_back(classes[site.before[0]] == classes[site.after[0]] ? 0.1f : 0.25f);
    }
  }
  return ms;
}

double sum(const std::vector<float>& values) {
  double total = 0;
  for (const float value : values) total += static_cast<double>(value);
  return total;
}

constexpr double kOutsideSteps = 0.05;

CostProfile measured(const CostLayout& layout) {
  CostProfile profile;
  profile.machine = {"a cpu", "avx2", "an engine", 2};
  profile.model = "cafe";
  profile.shapes = "1x3x8x8";
  profile.dims = layout.dims;
  profile.classes = layout.classes;
  for (const auto& site : layout.sites) profile.sites.push_back(site.name);
  for (const Classes& design : cost_designs(layout)) {
    const auto ms = times(layout, design);
    profile.samples.push_back({design, ms, sum(ms) + kOutsideSteps});
  }
  return profile;
}

CostModel model_of(const CostLayout& layout, std::int64_t batch = 1) {
  return {layout, fit_costs(layout, measured(layout)), batch, space_of(layout)};
}

TEST(CostModel, DoesNotExplainTimesThatOtherWorkHasSpoilt) {
  const CostLayout layout = chain(5);
  CostProfile profile = measured(layout);
  EXPECT_TRUE(explains(fit_costs(layout, profile), profile));
  profile.samples[2].run_ms *= 5;
  const Support spoilt = explains(fit_costs(layout, profile), profile);
  ASSERT_FALSE(spoilt);
  EXPECT_THAT(spoilt.why_not(), HasSubstr("times varied too much"));
}

TEST(CostDesigns, ShowEveryClassAloneAndNeighboursInEveryMeeting) {
  const CostLayout layout = chain(12);
  const auto designs = cost_designs(layout);
  EXPECT_EQ(designs[0], Classes(12, kInt8));
  EXPECT_EQ(designs[1], Classes(12, kFp32));
  EXPECT_EQ(designs, cost_designs(layout));
  std::set<std::array<std::size_t, 3>> meetings;
  for (const Classes& design : designs)
    for (std::size_t i = 0; i + 1 < design.size(); ++i) meetings.insert({i, design[i], design[i + 1]});
  EXPECT_EQ(meetings.size(), 11u * 9u);
}

TEST(CostModel, PredictsPointsThatWereNotMeasured) {
  const CostLayout layout = chain(12);
  const CostModel model = model_of(layout);
  Rng rng(3);
  for (int n = 0; n < 200; ++n) {
    Classes classes(12);
    for (auto& c : classes) c = static_cast<std::uint8_t>(rng.below(3));
    const double truth = sum(times(layout, classes)) + kOutsideSteps;
    // The prior pulls rarely seen meetings towards no effect: 3 % of a run, well within the 10 % that are promised.
    EXPECT_NEAR(model.predict({classes.begin(), classes.end()}), truth, 0.03 * truth);
  }
}

TEST(CostModel, PredictsWholeRunsWhereStepsOnTheClockTakeLonger) {
  const CostLayout layout = chain(12);
  CostProfile profile = measured(layout);
  for (CostSample& sample : profile.samples) sample.run_ms = 0.95 * sum(sample.site_ms);
  const CostTables tables = fit_costs(layout, profile);
  for (const CostSample& sample : profile.samples)
    EXPECT_NEAR(tables.total(sample.classes), sample.run_ms, 0.03 * sample.run_ms);
}

TEST(CostModel, GainIsTheDifferenceOfTwoPredictions) {
  const CostModel model = model_of(chain(9), 4);
  search::Point point{0, 1, 2, 0, 0, 1, 2, 2, 1};
  for (std::size_t dim = 0; dim < point.size(); ++dim)
    for (std::uint16_t option = 0; option < 3; ++option) {
      search::Point changed = point;
      changed[dim] = option;
      EXPECT_NEAR(model.gain(point, dim, option), model.predict(changed) - model.predict(point), 1e-9);
    }
}

TEST(CostModel, SpeaksPerSample) {
  const CostLayout layout = chain(5);
  const search::Point point(5, 0);
  EXPECT_DOUBLE_EQ(model_of(layout, 8).predict(point), model_of(layout).predict(point) / 8);
}

TEST(CostModel, OperatorsThatHaveLeftTheSpaceAreInFp32) {
  const CostLayout layout = chain(6);
  TuningSpace narrow = space_of(layout);
  narrow.nodes.erase(narrow.nodes.begin() + 2);
  narrow.options.erase(narrow.options.begin() + 2);
  narrow.shape.dims.erase(narrow.shape.dims.begin() + 2);
  const CostModel model(layout, fit_costs(layout, measured(layout)), 1, narrow);
  EXPECT_DOUBLE_EQ(model.predict({0, 0, 0, 0, 0}), model_of(layout).predict({0, 0, 2, 0, 0, 0}));
}

TEST(CostModel, AnUnknownOptionCountsAsItsPrecisionDoes) {
  const CostLayout layout = chain(4);
  TuningSpace space = space_of(layout);
  space.options[1][0].smoothing = quant::Smoothing::SmoothQuant;
  const CostModel model(layout, fit_costs(layout, measured(layout)), 1, space);
  EXPECT_DOUBLE_EQ(model.predict({0, 0, 0, 0}), model_of(layout).predict({0, 0, 0, 0}));
}

TEST(SpeedClass, NamesWhatDecidesSpeedAndNothingElse) {
  quant::OpConfig config;
  EXPECT_EQ(speed_class(config), "fp32");
  config.precision = quant::Precision::Int8;
  const std::string usual = speed_class(config);
  EXPECT_EQ(usual, "int8");
  config.activation.range = quant::RangeMethod::Kl;
  config.activation.symmetry = quant::Symmetry::Symmetric;
  EXPECT_EQ(speed_class(config), usual);
  config.dynamic = true;
  config.weight.bound = quant::WeightBound::Full;
  EXPECT_EQ(speed_class(config), "int8:dynamic:full");
}

TEST(CostProfile, SurvivesItsFile) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "costs.json";
  CostProfile profile = measured(chain(4));
  profile.checks.push_back({Classes{0, 1, 2, 0}, 1.5, 2.5, 3.5});
  write_costs(path, profile);
  const CostProfile read = read_costs(path);
  EXPECT_EQ(read.machine, profile.machine);
  EXPECT_EQ(read.classes, profile.classes);
  ASSERT_EQ(read.samples.size(), profile.samples.size());
  EXPECT_EQ(read.samples[3].site_ms, profile.samples[3].site_ms);
  ASSERT_NE(read.check({0, 1, 2, 0}), nullptr);
  EXPECT_EQ(read.check({0, 1, 2, 0})->fp32_ms, 3.5);
  EXPECT_EQ(read.check({0, 1, 2, 1}), nullptr);
}

TEST(CostProfile, RefusesWhatIsNoProfile) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "costs.json";
  for (const std::string text : {"", "{", "{}", "[1]", R"({"format": 99})"}) {
    write_file_atomically(path, text);
    EXPECT_THROW(read_costs(path), DataError) << text;
  }
  CostProfile profile = measured(chain(4));
  profile.checks.push_back({profile.samples[0].classes, 1, 0, 1});
  write_costs(path, profile);
  EXPECT_THROW(read_costs(path), DataError);
  profile.checks.clear();
  profile.samples[0].classes[1] = 7;
  write_costs(path, profile);
  EXPECT_THROW(read_costs(path), DataError);
}

TEST(CostProfile, FitsOnlyItsOwnModelAndItsOwnClasses) {
  const CostLayout layout = chain(4);
  CostProfile profile = measured(layout);
  EXPECT_TRUE(fits(profile, layout, "cafe"));
  EXPECT_THAT(fits(profile, layout, "beef").why_not(), HasSubstr("another model"));
  CostLayout wider = layout;
  wider.classes[2].push_back("int8:dynamic");
  EXPECT_THAT(fits(profile, wider, "cafe").why_not(), HasSubstr("no times of int8:dynamic for operator 'op2'"));
}

TEST(CostProfile, AdaptsToFewerClasses) {
  CostLayout layout = chain(4);
  const CostProfile profile = measured(layout);
  layout.classes[1] = {"bf16", "fp32"};
  const CostProfile fewer = adapted(profile, layout);
  EXPECT_LT(fewer.samples.size(), profile.samples.size());
  ASSERT_NE(fewer.find({2, 1, 2, 2}), nullptr);
  EXPECT_EQ(fewer.find({2, 1, 2, 2})->site_ms, profile.find({2, 2, 2, 2})->site_ms);
}

TEST(CostLayout, KnowsTheNearestOperatorsWithAChoice) {
  ir::Graph graph;
  const auto type = ir::TensorType::of(DType::Float, {1, 4, 8, 8});
  const auto w = graph.add_constant("w", ir::Tensor::of({4, 4, 1, 1}, std::vector<float>(16, 1)));
  const auto node = [&](const std::string& op, std::vector<ir::ValueId> inputs, const std::string& name) {
    return graph.add_node({op, std::move(inputs), {}, name, {type}, {name + "_out"}})[0];
  };
  const auto a = node("inc.Conv", {graph.add_input("x", type), w}, "a");
  const auto relu = node("Relu", {a}, "relu");
  const auto b = node("inc.Conv", {relu, w}, "b");
  const auto add = node("Add", {relu, b}, "add");
  graph.add_output(add);
  TuningSpace space;
  for (const auto value : {a, b}) {
    space.nodes.push_back(*graph.value(value).producer);
    space.shape.dims.push_back({"", "Conv", {"int8", "fp32"}});
    space.options.push_back({{quant::Precision::Int8}, {}});
  }
  const CostLayout layout = cost_layout(graph, space);
  ASSERT_EQ(layout.sites.size(), 4u);
  EXPECT_EQ(layout.sites[0].own, 0u);
  EXPECT_THAT(layout.sites[0].after, ElementsAre(1));
  EXPECT_EQ(layout.sites[1].own, std::nullopt);
  EXPECT_THAT(layout.sites[1].before, ElementsAre(0));
  EXPECT_THAT(layout.sites[1].after, ElementsAre(1));
  EXPECT_THAT(layout.sites[3].before, ElementsAre(1, 0));
}

TEST(StructureHash, IgnoresTheNumbersInWeights) {
  const auto hash = [](float weight, std::int64_t stride) {
    ir::Graph graph;
    const auto type = ir::TensorType::of(DType::Float, {1, 1, 4, 4});
    const auto x = graph.add_input("x", type), w = graph.add_constant("w", ir::Tensor::of<float>({1, 1, 1, 1}, {weight}));
    const ir::Attr strides = std::vector<std::int64_t>{stride, stride};
    graph.add_output(graph.add_node({"inc.Conv", {x, w}, {{"strides", strides}}, "c", {type}, {"y"}})[0]);
    return structure_hash(graph);
  };
  EXPECT_EQ(hash(1, 1), hash(2, 1));
  EXPECT_NE(hash(1, 1), hash(1, 2));
}

}  // namespace
}  // namespace inc::tuning
