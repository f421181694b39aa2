// INT8 as on a CPU without VNNI, on any CPU.
#include "core/runtime/saturating.h"

#include <gtest/gtest.h>

#include <cmath>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "tests/contract/adaptors/group.h"

namespace inc::testing {
namespace {

std::vector<float> run(const runtime::Adaptor& adaptor, const ir::Graph& graph, const std::vector<ir::Tensor>& inputs) {
  return adaptor.prepare(graph)->run(inputs)[0].to_floats();
}

std::vector<GroupSpec> groups(int weight_limit) {
  GroupSpec conv, product, dense;
  conv.name = "convolution";
  conv.activation = "relu";
  conv.residual = GroupSpec::Residual::Real;
  product.name = "product";
  product.op = "MatMul";
  product.x = {2, 5, 64};
  product.w = {64, 12};
  product.channel_axis = 1;
  dense.name = "dense";
  dense.op = "Gemm";
  dense.x = {4, 64};
  dense.w = {12, 64};
  dense.attrs = {{"transB", std::int64_t{1}}};
  std::vector<GroupSpec> all{conv, product, dense};
  for (GroupSpec& s : all) {
    s.weight_limit = weight_limit;
    s.input_zero = 20;
    s.output_8_bits = false;
  }
  return all;
}

constexpr float kOrderOfSums = 64 * 0x1p-23f;

TEST(SaturatingAdaptor, LosesWhatTheOtherOneLoses) {
  const auto exact = reference::make_adaptor(), oracle = runtime::saturating(reference::make_adaptor()),
             engine = runtime::saturating(onednn::make_adaptor());
  EXPECT_EQ(oracle->name(), "reference-avx2");
  for (const GroupSpec& s : groups(127)) {
    SCOPED_TRACE(s.name);
    GroupBuilder builder(3);
    const ir::Graph graph = builder.group(s);
    auto inputs = builder.inputs();
    for (std::int64_t i = 0; i < inputs[0].count(); ++i)
      inputs[0].mutable_data<float>()[i] = static_cast<float>(i % 7) * 0.5f;
    const auto expected = run(*oracle, graph, inputs), found = run(*engine, graph, inputs),
               literal = run(*exact, graph, inputs);
    double lost = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], kOrderOfSums * (1 + std::abs(literal[i])));
      lost = std::max(lost, std::abs(static_cast<double>(expected[i]) - static_cast<double>(literal[i])));
    }
    EXPECT_GT(lost, 0.1);
    std::map<ir::NodeId, runtime::SaturationCount> counts;
    runtime::count_saturated(*exact, graph, inputs, counts);
    ASSERT_EQ(counts.size(), 1u);
    EXPECT_EQ(counts.begin()->second.outputs, static_cast<std::int64_t>(expected.size()));
    EXPECT_GT(counts.begin()->second.saturated, 0);
    EXPECT_GE(counts.begin()->second.worst, static_cast<float>(lost) * 0.999f);
  }
}

TEST(SaturatingAdaptor, ChangesNoBitWhereNothingCanSaturate) {
  const auto exact = onednn::make_adaptor(), engine = runtime::saturating(onednn::make_adaptor());
  for (const GroupSpec& s : groups(63)) {
    SCOPED_TRACE(s.name);
    GroupBuilder builder(3);
    const ir::Graph graph = builder.group(s);
    const auto inputs = builder.inputs();
    EXPECT_EQ(run(*engine, graph, inputs), run(*exact, graph, inputs));
    std::map<ir::NodeId, runtime::SaturationCount> counts;
    runtime::count_saturated(*exact, graph, inputs, counts);
    EXPECT_TRUE(counts.empty());
  }
}

}  // namespace
}  // namespace inc::testing
