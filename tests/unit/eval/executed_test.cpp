// Whatever the number of processes, an evaluation sees the same batches in the same order.
#include "core/eval/executed.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/pack.h"
#include "core/eval/factory.h"
#include "tests/support/threads_as_ranks.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ir::Tensor;

/// Sample i is {i, 3.5}, its label i % 2.
class BrokenItems final : public Dataset {
 public:
  explicit BrokenItems(std::int64_t broken) : broken_(broken) {}
  std::int64_t size() const override { return 11; }
  Sample get(std::int64_t index) const override {
    if (index == broken_) throw DataError("cannot read: broken found");
    return {{Tensor::of<float>({2}, {static_cast<float>(index), 3.5f})}, Tensor::scalar<std::int64_t>(index % 2)};
  }
  std::string describe() const override { return "items"; }

 private:
  std::int64_t broken_;
};

/// Its input times a factor.
class Times final : public runtime::Executable {
 public:
  explicit Times(float factor) : factor_(factor) {}
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::TapSink&) const override {
    auto values = inputs[0].to_floats();
    for (auto& v : values) v *= factor_;
    return {Tensor::of<float>(inputs[0].shape(), values)};
  }
  std::vector<runtime::StepProfile> profile(std::span<const Tensor>, int) const override { return {}; }

 private:
  float factor_;
};

struct Case {
  std::string name;
  config::Named metric;
  std::int64_t fixed_batch = -1, stop_after = 100, broken = -1;
};

/// Everything an evaluation gives and calls, as bytes; the message when it fails.
std::string seen(const Case& c, const Ranks& ranks) {
  ir::Graph graph;
  graph.add_input("x", {DType::Float, std::vector<ir::Dim>{{c.fixed_batch, c.fixed_batch < 0 ? "N" : ""}, {2, ""}}});
  const auto metric = make_metric(c.metric);
  const Times fp32(1), candidate(1.0f / 3);
  Packer packer;
  EvalOptions options{.batch_size = 2};
  options.ranks = &ranks;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    packer(done, total);
    return done < c.stop_after || !ranks.first();
  };
  options.on_outputs = [&](std::int64_t first, std::span<const Tensor> outputs) {
    packer(first, outputs[0].shape(), outputs[0].to_floats());
  };
  try {
    const Score score = evaluate(graph, candidate, BrokenItems(c.broken), *metric, options, &fp32);
    packer(score.value, score.samples, score.complete, score.sample_scores.sums, score.sample_scores.weights);
  } catch (const DataError& error) {
    packer(error.full_message());
  }
  return std::move(packer).take();
}

/// In one process rank 0 is the only one that says when to stop.
TEST(Batches, AreTheSameForEveryNumberOfProcesses) {
  const config::Named topk = named("topk", integer(1)), mse = named("agreement", text("mse"));
  const Case cases[] = {{"labels", topk},
                        {"reference", mse},
                        {"fixed batch", mse, 4},
                        {"stopped", topk, -1, 4},
                        {"stopped in a fixed batch", mse, 3, 5},
                        {"broken", topk, -1, 100, 5},
                        {"broken first", topk, -1, 100, 0},
                        {"broken behind the stop", topk, -1, 4, 5}};
  for (const Case& c : cases) {
    const std::string wanted = seen(c, alone());
    for (const int size : {2, 3, 8})
      for (const auto& thrown : inc::testing::ThreadRanks(size).run(
               [&](const Ranks& ranks) { EXPECT_EQ(seen(c, ranks), wanted) << c.name << ", " << size; }))
        EXPECT_FALSE(thrown) << c.name << ", " << size;
  }
}

TEST(Batches, FloatsOfInputsTravelOnlyWhereTheyAreScored) {
  ir::Graph graph;
  graph.add_input("x", {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {2, ""}}});
  const BrokenItems items(-1);
  const Times executable(2);
  const auto body = [&](const Ranks& ranks) {
    EvalOptions options{.batch_size = 4};
    options.ranks = &ranks;
    for (const bool travel : {false, true}) {
      Batches batches({graph, executable, items, options, nullptr, items.size(), travel});
      const Executed first = batches.next();
      EXPECT_EQ(first.batch.inputs[0].shape(), (ir::Shape{4, 2}));
      EXPECT_EQ(first.outputs[0].to_floats()[2], 2);
      if (travel)
        EXPECT_EQ(first.batch.inputs[0].to_floats()[2], 1);
      else
        EXPECT_THROW(first.batch.inputs[0].to_floats(), InternalError);
    }
  };
  for (const auto& thrown : inc::testing::ThreadRanks(2).run(body)) EXPECT_FALSE(thrown);
}

}  // namespace
}  // namespace inc::eval
