// What every pass promises, checked on the graphs of all golden files:
// - it verifies and a second run changes nothing;
// - it says "changed" exactly when the printed graph differs;
// - names and types of graph inputs and outputs stay;
// - the outputs stay the same numbers on random inputs, run by the operators' scalar definitions; only the passes that
//   take rounding away change them.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "core/ir/print.h"
#include "core/passes/pass.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/passes/golden.h"

namespace inc::passes::testing {
namespace {

constexpr std::string_view kChangesNumbers[] = {"strip_pair"};
constexpr double kLimit = 1e-10;  // of the normalized squared error: float32 sums in another order

std::string signature(const ir::Graph& graph) {
  std::string text;
  for (const ir::ValueId v : graph.inputs()) text += graph.value(v).name + " " + graph.value(v).type.to_string() + "\n";
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    text += graph.output_names()[i] + " " + graph.value(graph.outputs()[i]).type.to_string() + "\n";
  return text;
}

struct Case {
  std::string name;
  ir::Graph graph;
};

const std::vector<Case>& corpus() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> all;
    for (const std::string& name : golden_names())
      for (const GoldenCase& golden : read_golden(name)) all.push_back({name + ": " + golden.comment, prepared(golden)});
    return all;
  }();
  return cases;
}

/// Shapes given as data are not random; these graphs are for the printed outcome only.
bool runnable(const ir::Graph& graph) {
  for (const ir::ValueId v : graph.inputs())
    if (graph.value(v).type.dtype == DType::Int64) return false;
  return true;
}

/// Nothing where a named dimension of that size does not suit the graph.
std::optional<std::vector<ir::Tensor>> results(const ir::Graph& graph, const std::vector<ir::Tensor>& inputs) {
  try {
    return inc::testing::run(graph, inputs);
  } catch (const ModelError&) {
    return std::nullopt;
  }
}

void expect_same_numbers(const ir::Graph& before, const ir::Graph& after) {
  Rng rng(7);
  int suited = 0;
  for (const std::int64_t size : {2, 3, 32}) {
    const auto inputs = inc::testing::random_inputs(before, rng, size);
    const auto wanted = results(before, inputs);
    if (!wanted) continue;
    ++suited;
    const auto &expected = *wanted, actual = inc::testing::run(after, inputs);
    ASSERT_EQ(expected.size(), actual.size());
    for (std::size_t k = 0; k < expected.size(); ++k) {
      if (is_float(expected[k].dtype()))
        EXPECT_TRUE(inc::testing::agree(actual[k], expected[k], inc::testing::Nmse{kLimit}));
      else
        EXPECT_TRUE(inc::testing::agree(actual[k], expected[k], inc::testing::Exact{}));
    }
  }
  EXPECT_GT(suited, 0);
}

class EveryPass : public ::testing::TestWithParam<std::string_view> {};

TEST_P(EveryPass, KeepsThePromisesOfTheInterface) {
  const auto pass = find_pass(GetParam());
  const bool keeps_numbers =
      std::find(std::begin(kChangesNumbers), std::end(kChangesNumbers), GetParam()) == std::end(kChangesNumbers);
  for (const auto& [name, before] : corpus()) {
    SCOPED_TRACE(name);
    ir::Graph after = before;
    const bool changed = pass->run(after, nullptr);
    EXPECT_NO_THROW(after.verify());
    EXPECT_EQ(changed, ir::print(before) != described(after, before));
    EXPECT_EQ(signature(before), signature(after));
    ir::Graph again = after;
    EXPECT_FALSE(pass->run(again, nullptr));
    if (changed && runnable(before) && keeps_numbers) expect_same_numbers(before, after);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryPass, ::testing::ValuesIn(pass_names()),
                         [](const auto& of) { return std::string(of.param); });

TEST(Pipelines, FusedAndLoweredGraphsComputeTheSame) {
  for (const auto& [name, before] : corpus()) {
    SCOPED_TRACE(name);
    ir::Graph after = before;
    fusion_pipeline().run(after);
    EXPECT_EQ(signature(before), signature(after));
    EXPECT_FALSE(fusion_pipeline().run(after)) << "the pipeline is not idempotent";
    if (runnable(before)) expect_same_numbers(before, after);
    lowering_pipeline().run(after);
    EXPECT_EQ(signature(before), signature(after));
    EXPECT_EQ(ir::print(after).find("inc."), std::string::npos);
    if (runnable(before)) expect_same_numbers(before, after);
  }
}

}  // namespace
}  // namespace inc::passes::testing
