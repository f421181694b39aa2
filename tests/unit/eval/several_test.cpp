#include <gmock/gmock.h>

#include <functional>

#include "core/base/error.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ir::Tensor;
using ::testing::HasSubstr;

config::Named mse() {
  return named("MSE", {{"compare_label", flag(false)}});
}

/// Two samples: one of them right; squared errors 1 and 3 on average.
void feed(Metric& metric) {
  const Tensor output = Tensor::of<float>({2, 2}, {1, 2, 3, 1}), reference = Tensor::of<float>({2, 2}, {1, 1, 1, 2});
  const std::vector<Tensor> labels{Tensor::scalar<std::int64_t>(1), Tensor::scalar<std::int64_t>(1)};
  metric.update(std::vector{output}, {}, labels, std::vector{reference});
}

TEST(SeveralMetrics, EachHasToMeetTheTarget) {
  const auto metric = make_metrics({named("topk", integer(1)), mse()});
  feed(*metric);
  ASSERT_EQ(metric->parts().size(), 2u);
  EXPECT_DOUBLE_EQ(metric->value(), 0.5);
  EXPECT_DOUBLE_EQ(metric->parts()[1]->value(), 1.5);
  EXPECT_EQ(metric->name(), "top1, MSE");
  EXPECT_TRUE(metric->needs_labels());
  EXPECT_TRUE(metric->needs_reference());
  metric->reset();
  EXPECT_THROW(metric->parts()[1]->value(), DataError);
}

TEST(SeveralMetrics, WithWeightsTheirSumHasTo) {
  const auto metric =
      make_metrics({named("topk", integer(1)), named("Accuracy"), named("weight", numbers({0.25, 2})),
                    named("higher_is_better", {config::ParameterList{flag(true), flag(true)}, "c.yaml:1:1"})});
  feed(*metric);
  ASSERT_EQ(metric->parts().size(), 1u);
  EXPECT_DOUBLE_EQ(metric->parts()[0]->value(), 0.25 * 0.5 + 2 * 0.5);
}

TEST(SeveralMetrics, RefuseWhatDoesNotFit) {
  const auto message = [](std::vector<config::Named> several) {
    return message_of<ConfigError>([&] { make_metrics(several); });
  };
  const config::Named top1 = named("topk", integer(1));
  EXPECT_THAT(message({top1, mse(), named("weight", numbers({1, 1}))}), HasSubstr("top1 and MSE cannot be summed"));
  EXPECT_THAT(message({top1, named("weight", numbers({1, 1}))}), HasSubstr("2 for 1 metrics found in weight"));
  EXPECT_THAT(message({top1, named("weight", text("much"))}), HasSubstr("weight: expected numbers"));
  EXPECT_THAT(message({top1, named("weight", number(0))}), HasSubstr("expected one above 0"));
  EXPECT_THAT(message({mse(), named("higher_is_better", flag(true))}), HasSubstr("expected False for MSE"));
  EXPECT_THAT(message({named("weight", number(1))}), HasSubstr("no metrics found"));
  EXPECT_THAT(message({named("weights", number(1))}), HasSubstr("unknown metric"));
}

}  // namespace
}  // namespace inc::eval
