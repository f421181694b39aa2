// The engine computes what the oracle computes: FP32 operators with tolerances by policy, operators that only move or
// compare data exactly; natively laid out neighbours included.
#include "tests/contract/adaptors/operators.h"

#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/passes/pass.h"
#include "tests/support/random.h"

namespace inc {
namespace {

using Case = testing::OperatorCase;

class Operators : public ::testing::TestWithParam<Case> {};

void check(const ir::Graph& graph, const Case& c) {
  Rng rng(3);
  const auto inputs = testing::random_inputs(graph, rng);
  const auto found = onednn::make_adaptor()->prepare(graph)->run(inputs);
  const auto expected = reference::make_adaptor()->prepare(graph)->run(inputs);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(testing::agree(found[i], expected[i], c.tolerance));
}

TEST_P(Operators, AgreeWithTheOracle) {
  check(testing::import(GetParam()), GetParam());
}

TEST_P(Operators, AgreeWhenFused) {
  ir::Graph graph = testing::import(GetParam());
  passes::fusion_pipeline().run(graph);
  check(graph, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, Operators, ::testing::ValuesIn(testing::kOperators),
                         [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace inc
