// Random equations: expanded, they compute what the scalar definition of Einsum computes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/ir/print.h"
#include "core/passes/pass.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"
#include "tests/support/run.h"

namespace inc::passes {
namespace {

constexpr int kEquations = 300;
constexpr const char* kLetters = "abcdefg";
constexpr std::int64_t kSizes[] = {2, 3, 1, 4, 2, 5, 3};

std::string some_letters(Rng& rng) {
  std::string all = kLetters, out;
  for (auto left = rng.next() % 5; left-- > 0;) {
    const auto at = rng.next() % all.size();
    out += all[at];
    all.erase(at, 1);
  }
  return out;
}

/// Dimensions are numbers, or names that become 2; the letters then are a, e only.
ir::ValueId operand(ir::Graph& graph, const std::string& letters, bool constant, bool named, Rng& rng) {
  ir::Shape shape;
  std::vector<ir::Dim> dims;
  for (const char c : letters) {
    shape.push_back(kSizes[c - 'a']);
    dims.push_back(named && shape.back() == 2 ? ir::Dim{-1, fmt::format("n{}", c)} : ir::Dim{shape.back(), ""});
  }
  if (constant) return graph.add_constant("w", inc::testing::random_tensor(DType::Float, shape, rng));
  return graph.add_input(letters + "_in", {DType::Float, dims});
}

TEST(Einsum, ExpandedItComputesWhatItsDefinitionSays) {
  Rng rng(11);
  int expanded = 0;
  for (int i = 0; i < kEquations; ++i) {
    const auto operands = static_cast<int>(1 + rng.next() % 4);
    std::vector<std::string> terms;
    for (int k = 0; k < operands; ++k) terms.push_back(some_letters(rng));
    std::string result;
    for (const char c : fmt::format("{}", fmt::join(terms, "")))
      if (result.find(c) == std::string::npos && rng.next() % 3 != 0) result.insert(rng.next() % (result.size() + 1), 1, c);
    const std::string equation = fmt::format("{} -> {}", fmt::join(terms, ", "), result);
    SCOPED_TRACE(equation);
    ir::Graph graph;
    graph.opset = 17;
    const bool named = rng.next() % 2 != 0;
    std::vector<ir::ValueId> inputs;
    for (int k = 0; k < operands; ++k)
      inputs.push_back(operand(graph, terms[static_cast<std::size_t>(k)], rng.next() % 4 == 0, named, rng));
    const auto y = graph.add_node({"Einsum", inputs, {{"equation", equation}}, "e", {{DType::Float, {}}}, {"y"}});
    graph.add_output(y[0]);
    const auto data = inc::testing::random_inputs(graph, rng);
    const auto expected = inc::testing::run(graph, data);
    expanded += find_pass("expand_einsum")->run(graph, nullptr);
    graph.verify();
    // Sums of at most 2·3·1·4·2·5·3 products of numbers below 1.
    EXPECT_TRUE(agree(inc::testing::run(graph, data)[0], expected[0], inc::testing::Gemm{720, 1})) << ir::print(graph);
  }
  EXPECT_GT(expanded, kEquations * 9 / 10);
}

}  // namespace
}  // namespace inc::passes
