#include "core/eval/parameters.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Parameters, ReadsTypedValuesAndFallbacks) {
  Parameters p("thing", named("Thing", {{"n", integer(3)}, {"x", number(0.5)}, {"yes", flag(true)}, {"s", text("a")}}));
  EXPECT_EQ(p.integer("n"), 3);
  EXPECT_EQ(p.number("n"), 3.0);
  EXPECT_EQ(p.number("x"), 0.5);
  EXPECT_TRUE(p.flag("yes"));
  EXPECT_EQ(p.text("s"), "a");
  EXPECT_EQ(p.integer("absent", 7), 7);
  EXPECT_NO_THROW(p.finish());
}

TEST(Parameters, ScalarStandsForTheShorthand) {
  Parameters p("metric topk", named("topk", integer(5)), "k");
  EXPECT_EQ(p.integer("k"), 5);
  EXPECT_THROW(Parameters("metric F", named("F", integer(5))), ConfigError);
}

TEST(Parameters, NullMeansNoParameters) {
  Parameters p("transform Rescale", {"Rescale", {}, "c.yaml:2:3"});
  EXPECT_NO_THROW(p.finish());
}

TEST(Parameters, MissingOneIsRefusedWithThePlace) {
  Parameters p("data set CIFAR10", named("CIFAR10"));
  const std::string message = message_of<ConfigError>([&] { p.text("root"); });
  EXPECT_THAT(message, StartsWith("c.yaml:1:1: root of data set CIFAR10 is missing"));
}

TEST(Parameters, WrongTypeSaysFoundAndExpected) {
  Parameters p("thing", named("Thing", {{"n", text("many")}, {"x", number(1.5)}}));
  EXPECT_THAT(message_of<ConfigError>([&] { p.integer("n"); }), HasSubstr("'many' found, an integer expected"));
  EXPECT_THAT(message_of<ConfigError>([&] { p.integer("x"); }), HasSubstr("1.5 found, an integer expected"));
  EXPECT_THROW(p.flag("n"), ConfigError);
  EXPECT_THROW(p.text_map("n"), ConfigError);
}

TEST(Parameters, UnknownOneIsRefusedWithASuggestion) {
  Parameters p("transform Normalize", named("Normalize", {{"meann", numbers({1})}}));
  p.numbers("mean", {{0.0}});
  p.numbers("std", {{1.0}});
  EXPECT_THAT(message_of<ConfigError>([&] { p.finish(); }),
              HasSubstr("'meann' found (did you mean 'mean'?), one of mean, std expected"));
}

TEST(Parameters, SizesAreOneOrTwoPositiveIntegers) {
  const auto sizes = [](config::Parameter value) {
    return Parameters("t", named("T", {{"size", std::move(value)}})).pair_of_sizes("size");
  };
  EXPECT_EQ(sizes(integer(4)), std::make_pair(std::int64_t{4}, std::int64_t{4}));
  EXPECT_EQ(sizes(integers({4, 6})), std::make_pair(std::int64_t{4}, std::int64_t{6}));
  EXPECT_THROW(sizes(integers({0})), ConfigError);
  EXPECT_THROW(sizes(integers({1, 2, 3})), ConfigError);
  EXPECT_THROW(sizes(integers({})), ConfigError);
}

TEST(Parameters, ShapesAreOneListOrSeveral) {
  config::Parameter two{config::ParameterList{integers({8, 3}), integers({8})}, ""};
  Parameters p("t", named("T", {{"one", integers({2, 3})}, {"two", two}}));
  EXPECT_THAT(p.shapes("one"), ElementsAre(ElementsAre(2, 3)));
  EXPECT_THAT(p.shapes("two"), ElementsAre(ElementsAre(8, 3), ElementsAre(8)));
}

TEST(Parameters, ChoiceSuggestsTheNearest) {
  static constexpr std::array<std::string_view, 2> kOptions{"bilinear", "nearest"};
  Parameters p("t", named("T", {{"interpolation", text("bilinar")}}));
  EXPECT_THAT(message_of<ConfigError>([&] { p.choice("interpolation", kOptions, "nearest"); }),
              HasSubstr("did you mean 'bilinear'?"));
}

TEST(Parameters, ElementTypesHaveNumpyNames) {
  EXPECT_EQ(dtype_from_numpy_name("float32"), DType::Float);
  EXPECT_EQ(dtype_from_numpy_name("int64"), DType::Int64);
  EXPECT_EQ(dtype_from_numpy_name("float"), DType::Float);
  EXPECT_EQ(dtype_from_numpy_name("complex64"), std::nullopt);
}

}  // namespace
}  // namespace inc::eval
