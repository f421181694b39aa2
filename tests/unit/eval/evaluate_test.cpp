#include "core/eval/evaluate.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cmath>

#include "core/base/error.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ir::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Items final : public Dataset {
 public:
  explicit Items(std::vector<Sample> samples, std::vector<std::string> names = {})
      : samples_(std::move(samples)), names_(std::move(names)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  Sample get(std::int64_t index) const override {
    if (index == broken) throw DataError("cannot read: broken found");
    return samples_.at(static_cast<std::size_t>(index));
  }
  bool labelled() const override { return samples_.front().label.defined(); }
  std::vector<std::string> input_names() const override { return names_; }
  std::string describe() const override { return "items"; }
  std::int64_t broken = -1;

 private:
  std::vector<Sample> samples_;
  std::vector<std::string> names_;
};

/// Returns its first input, with 'shift' added.
class Echo final : public runtime::Executable {
 public:
  explicit Echo(float shift = 0) : shift_(shift) {}
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::TapSink&) const override {
    rows.push_back(inputs[0].shape()[0]);
    auto values = inputs[0].to_floats();
    for (auto& v : values) v += shift_;
    return {Tensor::of<float>(inputs[0].shape(), values)};
  }
  std::vector<runtime::StepProfile> profile(std::span<const Tensor>, int) const override { return {}; }
  mutable std::vector<std::int64_t> rows;

 private:
  float shift_;
};

ir::Graph graph_of(std::vector<std::pair<std::string, ir::TensorType>> inputs) {
  ir::Graph graph;
  for (auto& [name, type] : inputs) graph.add_input(name, type);
  return graph;
}

ir::TensorType type_of(DType dtype, std::vector<ir::Dim> dims) {
  return {dtype, std::move(dims)};
}

ir::Graph dynamic_pair() {
  return graph_of({{"x", type_of(DType::Float, {{-1, "N"}, {2, ""}})}});
}
ir::Graph fixed_pair(std::int64_t batch) {
  return graph_of({{"x", type_of(DType::Float, {{batch, ""}, {2, ""}})}});
}

std::vector<Sample> pairs(int count) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i)
    samples.push_back(
        {{Tensor::of<float>({2}, {static_cast<float>(i), 2.0f})}, Tensor::scalar<std::int64_t>(i < 2 ? 1 : 0)});
  return samples;
}

TEST(BatchSize, IsTheModelsWhereThatIsFixed) {
  EXPECT_EQ(usable_batch_size(dynamic_pair(), 20), 20);
  EXPECT_EQ(usable_batch_size(fixed_pair(1), 20), 1);
}

TEST(LoadBatch, StacksAlongANewAxis) {
  const Batch batch = load_batch(dynamic_pair(), Items(pairs(4)), 1, 2);
  EXPECT_THAT(batch.inputs[0].shape(), ElementsAre(2, 2));
  EXPECT_THAT(list<float>(batch.inputs[0]), ElementsAre(1, 2, 2, 2));
  EXPECT_EQ(batch.labels.size(), 2u);
  EXPECT_EQ(batch.first, 1);
}

TEST(LoadBatch, KeepsALeadingOneAsTheBatchAxis) {
  const Items items({{{Tensor::of<float>({1, 2}, {1, 2})}, {}}, {{Tensor::of<float>({1, 2}, {3, 4})}, {}}});
  EXPECT_THAT(load_batch(dynamic_pair(), items, 0, 2).inputs[0].shape(), ElementsAre(2, 2));
}

TEST(LoadBatch, OrdersInputsByName) {
  const auto graph = graph_of({{"a", type_of(DType::Float, {{-1, "N"}})}, {"b", type_of(DType::Int64, {{-1, "N"}})}});
  const Sample sample{{Tensor::scalar<std::int64_t>(7), Tensor::scalar<float>(0.5f)}, {}};
  const Batch batch = load_batch(graph, Items({sample}, {"b", "a"}), 0, 1);
  EXPECT_THAT(list<float>(batch.inputs[0]), ElementsAre(0.5f));
  EXPECT_THAT(list<std::int64_t>(batch.inputs[1]), ElementsAre(7));
  EXPECT_THAT(message_of<DataError>([&] {
                load_batch(graph, Items({sample}, {"b", "c"}), 0, 1);
              }),
              HasSubstr("b, c found, 'a' expected"));
  EXPECT_THROW(load_batch(dynamic_pair(), Items({sample}), 0, 1), DataError);
}

TEST(LoadBatch, CastsWidthsButNotKinds) {
  const auto graph = graph_of({{"x", type_of(DType::Int32, {{-1, "N"}})}});
  const auto load = [&](Tensor item) { return load_batch(graph, Items({{{std::move(item)}, {}}}), 0, 1).inputs[0]; };
  EXPECT_THAT(list<std::int32_t>(load(Tensor::scalar<std::int64_t>(-5))), ElementsAre(-5));
  EXPECT_THAT(message_of<DataError>([&] { load(Tensor::scalar<std::int64_t>(std::int64_t{1} << 40)); }),
              HasSubstr("the range of int32"));
  EXPECT_THAT(message_of<DataError>([&] { load(Tensor::scalar<float>(1)); }),
              HasSubstr("float found, int32 expected (add a Cast transform)"));
}

TEST(LoadBatch, WrongShapeSaysFoundAndExpected) {
  const Items items({{{Tensor::of<float>({3}, {1, 2, 3})}, {}}});
  EXPECT_THAT(message_of<DataError>([&] { load_batch(dynamic_pair(), items, 0, 1); }),
              HasSubstr("[3] found, a sample of float[N,2] expected"));
}

TEST(LoadBatch, SamplesOfABatchMustAgree) {
  const auto graph = graph_of({{"x", type_of(DType::Float, {{-1, "N"}, {-1, "T"}})}});
  const Items items({{{Tensor::of<float>({1}, {1})}, {}}, {{Tensor::of<float>({2}, {1, 2})}, {}}});
  EXPECT_THAT(message_of<DataError>([&] { load_batch(graph, items, 0, 2); }),
              HasSubstr("[2] found, [1] expected as in sample 0"));
}

TEST(LoadBatch, ErrorsLeaveTheParallelRegionNamingTheSample) {
  Items items(pairs(6));
  items.broken = 4;
  EXPECT_THAT(message_of<DataError>([&] { load_batch(dynamic_pair(), items, 0, 6); }),
              HasSubstr("while reading sample 4 of items"));
  EXPECT_THROW(load_batch(dynamic_pair(), items, 5, 2), DataError);
}

TEST(Evaluate, ScoresBatchesInOrder) {
  const Echo echo;
  const auto metric = make_metric(named("topk", integer(1)));
  std::vector<std::int64_t> done;
  EvalOptions options{.batch_size = 2, .progress = [&](std::int64_t n, std::int64_t) { return done.push_back(n), true; }};
  const Score score = evaluate(dynamic_pair(), echo, Items(pairs(5)), *metric, options);
  EXPECT_EQ(score.samples, 5);
  EXPECT_DOUBLE_EQ(score.value, 1.0);
  EXPECT_EQ(score.sample_scores.sums.size(), 5u);
  EXPECT_TRUE(score.complete);
  EXPECT_THAT(done, ElementsAre(2, 4, 5));
  EXPECT_THAT(echo.rows, ElementsAre(2, 2, 1));
}

TEST(Evaluate, FillsAFixedBatchAndDropsTheFilling) {
  const Echo echo;
  const auto metric = make_metric(named("topk", integer(1)));
  const Score score = evaluate(fixed_pair(4), echo, Items(pairs(5)), *metric, {.batch_size = 32});
  EXPECT_EQ(score.samples, 5);
  EXPECT_EQ(score.sample_scores.sums.size(), 5u);
  EXPECT_THAT(echo.rows, ElementsAre(4, 4));
}

TEST(Evaluate, StopsWhenToldAndHonoursTheLimit) {
  const auto metric = make_metric(named("topk", integer(1)));
  const Score limited = evaluate(dynamic_pair(), Echo(), Items(pairs(5)), *metric, {.batch_size = 2, .samples = 3});
  EXPECT_EQ(limited.samples, 3);
  EXPECT_TRUE(limited.complete);
  const Score stopped = evaluate(dynamic_pair(), Echo(), Items(pairs(5)), *metric,
                                 {.batch_size = 2, .progress = [](std::int64_t, std::int64_t) { return false; }});
  EXPECT_EQ(stopped.samples, 2);
  EXPECT_FALSE(stopped.complete);
}

TEST(Evaluate, AnEarlyEndNeedsNoValue) {
  const auto metric = make_metric(named("ROC"));
  const Score stopped = evaluate(dynamic_pair(), Echo(), Items(pairs(5)), *metric,
                                 {.batch_size = 1, .progress = [](std::int64_t, std::int64_t) { return false; }});
  EXPECT_FALSE(stopped.complete);
  EXPECT_TRUE(std::isnan(stopped.value)) << "one sample has one class";
  EXPECT_THROW(evaluate(dynamic_pair(), Echo(), Items(pairs(1)), *metric, {}), DataError);
}

TEST(Evaluate, GivesTheReferenceToMetricsThatNeedIt) {
  const auto metric = make_metric(named("agreement", text("mse")));
  const Echo fp32, shifted(2);
  EXPECT_DOUBLE_EQ(evaluate(dynamic_pair(), shifted, Items(pairs(3)), *metric, {}, &fp32).value, 4.0);
  EXPECT_DOUBLE_EQ(evaluate(dynamic_pair(), fp32, Items(pairs(3)), *metric, {}, &fp32).value, 0.0);
}

TEST(Evaluate, FigureOfTheWholeSetDoesNotDependOnTheOrder) {
  const Items items(pairs(23));
  const auto shuffled = reordered(items, shuffled_order(23, 5));
  for (const auto* name : {"topk", "RMSE"}) {
    const auto metric = name == std::string("RMSE") ? make_metric(named(name, {{"compare_label", flag(false)}}))
                                                    : make_metric(named(name, integer(1)));
    const Echo fp32, other(0.37f);
    const Score natural = evaluate(dynamic_pair(), other, items, *metric, {.batch_size = 4}, &fp32);
    const Score mixed = evaluate(dynamic_pair(), other, *shuffled, *metric, {.batch_size = 4}, &fp32);
    EXPECT_EQ(natural.value, mixed.value) << name;
  }
}

TEST(Reordered, NamesSamplesByTheirNumberInTheFiles) {
  Items items(pairs(9));
  const auto order = shuffled_order(9, 5);
  EXPECT_THAT(order, UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_EQ(order, shuffled_order(9, 5));
  EXPECT_NE(order, shuffled_order(9, 6));
  const auto shuffled = reordered(items, order);
  EXPECT_EQ(shuffled->number(3), order[3]);
  EXPECT_THAT(list<float>(shuffled->get(3).inputs[0]), ElementsAre(static_cast<float>(order[3]), 2));
  items.broken = order[3];
  EXPECT_THAT(message_of<DataError>([&] { load_batch(dynamic_pair(), *shuffled, 0, 9); }),
              HasSubstr("while reading sample " + std::to_string(order[3]) + " of items"));
}

TEST(Evaluate, RefusesToScoreWithoutLabels) {
  const auto metric = make_metric(named("topk", integer(1)));
  const Items items({{{Tensor::of<float>({2}, {1, 2})}, {}}});
  EXPECT_THAT(message_of<DataError>([&] { evaluate(dynamic_pair(), Echo(), items, *metric, {}); }),
              HasSubstr("no labels found in items"));
}

}  // namespace
}  // namespace inc::eval
