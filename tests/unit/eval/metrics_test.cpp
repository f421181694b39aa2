#include "core/eval/metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ir::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Tensor> labels(std::initializer_list<std::int64_t> values) {
  std::vector<Tensor> result;
  for (const auto v : values) result.push_back(Tensor::scalar(v));
  return result;
}

double value_of(Metric& metric, const Tensor& output, const std::vector<Tensor>& wanted) {
  metric.reset();
  metric.update(std::vector{output}, {}, wanted, {});
  return metric.value();
}

std::vector<double> scores_of(const Metric& metric) {
  const SampleScores& scores = *metric.sample_scores();
  std::vector<double> result;
  for (std::size_t i = 0; i < scores.sums.size(); ++i) result.push_back(scores.sums[i] / scores.weights[i]);
  return result;
}

TEST(TopK, CountsLabelsAmongTheLargest) {
  const Tensor output = Tensor::of<float>({3, 3}, {1, 5, 3, 9, 2, 1, 0, 1, 2});
  const auto one = make_metric(named("topk", integer(1))), two = make_metric(named("topk", {{"k", integer(2)}}));
  EXPECT_DOUBLE_EQ(value_of(*one, output, labels({1, 1, 1})), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value_of(*two, output, labels({1, 1, 1})), 1.0);
  EXPECT_THAT(scores_of(*one), ElementsAre(1, 0, 0));
  EXPECT_TRUE(one->higher_is_better());
}

TEST(TopK, TiesGoToTheLowestClass) {
  const auto metric = make_metric(named("topk", integer(1)));
  EXPECT_EQ(value_of(*metric, Tensor::of<float>({1, 3}, {2, 2, 1}), labels({0})), 1.0);
  EXPECT_EQ(value_of(*metric, Tensor::of<float>({1, 3}, {2, 2, 1}), labels({1})), 0.0);
  const auto two = make_metric(named("topk", integer(2)));
  EXPECT_EQ(value_of(*two, Tensor::of<float>({1, 3}, {2, 2, 2}), labels({1})), 1.0);
  EXPECT_EQ(value_of(*two, Tensor::of<float>({1, 3}, {2, 2, 2}), labels({2})), 0.0);
}

TEST(TopK, NamesTheSampleWhoseOutputIsNotFinite) {
  const auto metric = make_metric(named("topk", integer(1)));
  metric->update(std::vector{Tensor::of<float>({2, 2}, {1, 2, 3, 4})}, {}, labels({0, 0}), {});
  EXPECT_THAT(message_of<DataError>([&] {
                metric->update(std::vector{Tensor::of<float>({2, 2}, {1, 2, 3, NAN})}, {}, labels({0, 0}), {});
              }),
              HasSubstr("output of sample 3 is not finite: nan found at element 1"));
}

TEST(TopK, RefusesLabelsThatAreNoClass) {
  const auto metric = make_metric(named("topk", integer(1)));
  const Tensor output = Tensor::of<float>({1, 2}, {1, 2});
  EXPECT_THAT(message_of<DataError>([&] { value_of(*metric, output, labels({2})); }), HasSubstr("2 found, 0..1 expected"));
  EXPECT_THAT(message_of<DataError>([&] { value_of(*metric, output, labels({0, 1})); }), HasSubstr("needs labels: 2 found"));
  EXPECT_THROW(value_of(*metric, output, {Tensor::of<std::int64_t>({2}, {0, 1})}), DataError);
}

TEST(Accuracy, TakesScoresOrClassNumbers) {
  const auto metric = make_metric(named("Accuracy"));
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<float>({2, 2}, {1, 2, 3, 1}), labels({1, 1})), 0.5);
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<std::int64_t>({2}, {4, 1}), labels({4, 1})), 1.0);
}

TEST(F1, IsBinaryForTwoClassesAndTheMeanOtherwise) {
  const auto metric = make_metric(named("F1"));
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<std::int64_t>({4}, {1, 1, 0, 0}), labels({1, 0, 1, 0})), 0.5);
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<std::int64_t>({4}, {0, 1, 2, 2}), labels({0, 1, 1, 2})),
                   (1.0 + 2.0 / 3 + 2.0 / 3) / 3);
  const auto binary = make_metric(named("F1", {{"average", text("binary")}}));
  EXPECT_THROW(value_of(*binary, Tensor::of<std::int64_t>({1}, {2}), labels({1})), DataError);
}

TEST(Roc, IsTheShareOfPairsInOrder) {
  const auto metric = make_metric(named("ROC"));
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<float>({4}, {0.1f, 0.4f, 0.4f, 0.8f}), labels({0, 0, 1, 1})), 3.5 / 4);
  EXPECT_THAT(message_of<DataError>([&] {
                value_of(*metric, Tensor::of<float>({2}, {0.1f, 0.4f}), labels({1, 1}));
              }),
              HasSubstr("0 samples of class 0 and 2 of class 1 found, both expected"));
  EXPECT_THROW(value_of(*metric, Tensor::of<float>({1, 3}, {1, 2, 3}), labels({1})), DataError);
  EXPECT_THROW(value_of(*metric, Tensor::of<float>({1}, {1}), labels({2})), DataError);
}

TEST(MeanIntersectionOverUnion, IsTheMeanOverClassesThatOccur) {
  const auto metric = make_metric(named("mIOU", {{"num_classes", integer(4)}}));
  const std::vector<Tensor> wanted{Tensor::of<std::int64_t>({2, 2}, {0, 0, 1, 255})};
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<float>({1, 2, 2}, {0, 1, 1, 9}), wanted), (1.0 / 2 + 1.0 / 2) / 2);
  const auto message = [&](const Tensor& output, const Tensor& label) {
    return message_of<DataError>([&] { value_of(*metric, output, {label}); });
  };
  EXPECT_THAT(message(Tensor::of<float>({1, 2, 2}, {0, 4, 1, 1}), wanted[0]),
              HasSubstr("4 found at place 1, 0..3 expected"));
  EXPECT_THAT(message(Tensor::of<float>({1, 3}, {0, 1, 1}), wanted[0]), HasSubstr("4 places found, 3 expected"));
  EXPECT_THAT(message(Tensor::of<float>({1, 1}, {0}), Tensor::scalar<std::int64_t>(255)), HasSubstr("no labels of a class"));
  EXPECT_THROW(make_metric(named("mIOU", {{"axis", integer(2)}})), ConfigError);
}

TEST(GlueMetric, IsThatOfEachTask) {
  EXPECT_EQ(make_metric(named("GLUE", text("mrpc")))->name(), "F1 binary");
  EXPECT_EQ(make_metric(named("GLUE", text("sst-2")))->name(), "Accuracy");
  const auto cola = make_metric(named("GLUE", text("cola"))), sts = make_metric(named("GLUE", text("sts-b")));
  EXPECT_DOUBLE_EQ(value_of(*cola, Tensor::of<std::int64_t>({4}, {1, 1, 0, 0}), labels({1, 1, 0, 1})), 2 / std::sqrt(12.0));
  EXPECT_EQ(value_of(*cola, Tensor::of<std::int64_t>({2}, {1, 1}), labels({0, 1})), 0) << "one class only";
  EXPECT_DOUBLE_EQ(value_of(*sts, Tensor::of<float>({3}, {1, 2, 3}), labels({2, 4, 6})), 1.0);
  EXPECT_THROW(value_of(*sts, Tensor::of<float>({1, 2}, {1, 2}), labels({2})), DataError);
  EXPECT_THROW(make_metric(named("GLUE", text("squad"))), ConfigError);
}

TEST(ValueErrors, MatchTheirDefinitions) {
  const Tensor output = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const std::vector<Tensor> wanted{Tensor::of<float>({2}, {0, 0}), Tensor::of<float>({2}, {3, 0})};
  const auto mse = make_metric(named("MSE")), rmse = make_metric(named("RMSE")), mae = make_metric(named("MAE"));
  EXPECT_DOUBLE_EQ(value_of(*mse, output, wanted), (1 + 4 + 0 + 16) / 4.0);
  EXPECT_THAT(scores_of(*mse), ElementsAre(2.5, 8.0));
  EXPECT_DOUBLE_EQ(value_of(*rmse, output, wanted), std::sqrt(21 / 4.0));
  EXPECT_EQ(scores_of(*rmse), scores_of(*mse));
  EXPECT_DOUBLE_EQ(value_of(*mae, output, wanted), 7 / 4.0);
  EXPECT_FALSE(mae->higher_is_better());
}

TEST(ValueErrors, CompareWithTheFp32ModelOnRequest) {
  const auto metric = make_metric(named("MSE", {{"compare_label", flag(false)}}));
  EXPECT_FALSE(metric->needs_labels());
  EXPECT_TRUE(metric->needs_reference());
  metric->update(std::vector{Tensor::of<float>({1, 2}, {1, 2})}, {}, {}, std::vector{Tensor::of<float>({1, 2}, {1, 4})});
  EXPECT_DOUBLE_EQ(metric->value(), 2.0);
}

TEST(Loss, IsTheMeanPerSample) {
  const auto metric = make_metric(named("Loss"));
  EXPECT_DOUBLE_EQ(value_of(*metric, Tensor::of<float>({2}, {1, 3}), {}), 2.0);
}

TEST(Perplexity, TakesItsLabelsFromTheShiftedInput) {
  const Tensor ids = Tensor::of<std::int64_t>({1, 3}, {0, 1, 0});
  const float big = std::log(3.0f);
  const Tensor logits = Tensor::of<float>({1, 3, 2}, {0, big, 0, 0, 7, -7});
  const double nll = (-std::log(0.75) - std::log(0.5)) / 2;
  const auto perplexity = make_metric(named("perplexity")), mean = make_metric(named("nll"));
  for (const auto& metric : {perplexity.get(), mean.get()}) metric->update(std::vector{logits}, std::vector{ids}, {}, {});
  EXPECT_NEAR(mean->value(), nll, 1e-7);
  EXPECT_NEAR(perplexity->value(), std::exp(nll), 1e-7);
  EXPECT_EQ(scores_of(*mean), scores_of(*perplexity));
  EXPECT_FALSE(perplexity->higher_is_better());
  EXPECT_FALSE(perplexity->needs_labels());
}

TEST(Perplexity, LeavesOutIgnoredTokensAndRefusesForeignOnes) {
  const Tensor logits = Tensor::of<float>({1, 3, 2}, {0, 1, 0, 5, 0, 0});
  const auto metric = make_metric(named("nll", {{"ignore_index", integer(0)}}));
  metric->update(std::vector{logits}, std::vector{Tensor::of<std::int64_t>({1, 3}, {0, 1, 0})}, {}, {});
  EXPECT_NEAR(metric->value(), std::log(1 + std::exp(-1.0)), 1e-7);
  EXPECT_THAT(message_of<DataError>([&] {
                metric->update(std::vector{logits}, std::vector{Tensor::of<std::int64_t>({1, 3}, {0, 2, 0})}, {}, {});
              }),
              HasSubstr("2 found, 0..1 expected"));
  EXPECT_THROW(metric->update(std::vector{logits}, std::vector{Tensor::of<float>({1, 3}, {0, 1, 0})}, {}, {}), DataError);
}

double agreement(const char* kind, const Tensor& output, const Tensor& reference) {
  const auto metric = make_metric(named("agreement", text(kind)));
  metric->update(std::vector{output}, {}, {}, std::vector{reference});
  return metric->value();
}

TEST(Agreement, ComparesWithTheFp32Outputs) {
  const Tensor a = Tensor::of<float>({2, 2}, {1, 2, 3, 1}), b = Tensor::of<float>({2, 2}, {1, 2, 1, 3});
  EXPECT_DOUBLE_EQ(agreement("top1", a, b), 0.5);
  EXPECT_DOUBLE_EQ(agreement("mse", a, b), 2.0);
  EXPECT_NEAR(agreement("cosine", a, b), (1 + 6.0 / 10) / 2, 1e-12);
  const double p = 1 / (1 + std::exp(2.0));
  EXPECT_NEAR(agreement("kl", a, b), 0.5 * (p * -2 + (1 - p) * 2), 1e-12);
  for (const char* kind : {"top1", "cosine"}) EXPECT_DOUBLE_EQ(agreement(kind, a, a), 1.0);
  for (const char* kind : {"kl", "mse"}) EXPECT_DOUBLE_EQ(agreement(kind, a, a), 0.0);
}

TEST(Agreement, RefusesOtherShapesAndKinds) {
  EXPECT_THROW(agreement("mse", Tensor::of<float>({1, 2}, {1, 2}), Tensor::of<float>({2}, {1, 2})), DataError);
  EXPECT_THROW(make_metric(named("agreement", text("top9"))), ConfigError);
}

TEST(Metrics, HaveNoValueBeforeTheFirstSample) {
  for (const auto& row : metric_rows()) {
    const auto metric = make_metric(named(std::string(row.name)));
    EXPECT_THROW(metric->value(), DataError) << row.name;
    EXPECT_TRUE(metric->sample_scores() == nullptr || metric->sample_scores()->sums.empty()) << row.name;
  }
}

TEST(Metrics, AreFunctionsOfTheMeanOfTheirScoresWithinTheirBounds) {
  const Tensor output = Tensor::of<float>({3, 2}, {1, 2, 4, 1, 0, 3});
  const Tensor reference = Tensor::of<float>({3, 2}, {1, 1, 4, 2, 2, 3});
  for (const auto& row : metric_rows()) {
    if (row.name == "nll" || row.name == "perplexity") continue;
    config::ParameterMap parameters;
    if (row.parameters.find("compare_label") != std::string_view::npos) parameters = {{"compare_label", flag(false)}};
    const auto metric = make_metric(named(std::string(row.name), parameters));
    if (metric->sample_scores() == nullptr) continue;
    metric->update(std::vector{output}, {}, labels({1, 0, 0}), std::vector{reference});
    const ScoreBounds bounds = metric->score_bounds();
    double sum = 0;
    for (const double s : scores_of(*metric)) {
      sum += s;
      EXPECT_TRUE(s >= bounds.low && s <= bounds.high && (!bounds.tight || s == bounds.low || s == bounds.high)) << row.name;
    }
    EXPECT_DOUBLE_EQ(metric->value_of(sum / 3), metric->value()) << row.name;
    EXPECT_NEAR(metric->mean_of(metric->value()), sum / 3, 1e-12) << row.name;
  }
  EXPECT_EQ(make_metric(named("F1"))->sample_scores(), nullptr);
}

TEST(Metrics, ValuesDoNotDependOnTheOrderOfSamples) {
  Rng random(3);
  std::vector<float> values;
  const Tensor zeros = Tensor::of<float>({200, 3}, std::vector<float>(600));
  for (int i = 0; i < 600; ++i) values.push_back(static_cast<float>(random.uniform()));
  std::vector<float> turned(values);
  for (std::size_t i = 0; i < 200; ++i) std::copy_n(&values[3 * i], 3, &turned[3 * (199 - i)]);
  const auto metric = make_metric(named("MSE", {{"compare_label", flag(false)}}));
  const auto mse = [&](const std::vector<float>& all) {
    metric->reset();
    metric->update(std::vector{Tensor::of<float>({200, 3}, all)}, {}, {}, std::vector{zeros});
    return metric->value();
  };
  EXPECT_EQ(mse(values), mse(turned));
}

}  // namespace
}  // namespace inc::eval
