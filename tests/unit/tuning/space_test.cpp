#include "core/tuning/space.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace inc::tuning {
namespace {

using quant::Precision;
using quant::Scheme;

class FakeAdaptor : public runtime::Adaptor {
 public:
  std::string refused_node;
  bool symmetric_only = false;
  Support supports(const ir::Graph& graph, ir::NodeId id, const quant::OpConfig& config) const override {
    if (graph.node(id).name == refused_node) return Support::no("no kernel for this shape");
    if (symmetric_only && config.activation.symmetry != quant::Symmetry::Symmetric) return Support::no("symmetric only");
    return Support::yes();
  }
  std::unique_ptr<const runtime::Executable> prepare(const ir::Graph&) const override { return nullptr; }
  std::string_view name() const override { return "fake"; }
};

struct Net {
  Net() {
    const auto type = [](const ir::Shape& shape) { return ir::TensorType::of(DType::Float, shape); };
    const auto x = graph.add_input("x", type({1, 4, 8, 8}));
    const auto constant = [&](const std::string& name, const ir::Shape& shape) {
      return graph.add_constant(
          name, ir::Tensor::of(shape, std::vector<float>(static_cast<std::size_t>(ir::element_count(shape)), 1)));
    };
    conv = graph.add_node({"inc.Conv", {x, constant("w", {4, 4, 1, 1})}, {}, "net/conv1", {type({1, 4, 8, 8})}, {"c"}})[0];
    pool = graph.add_node({"GlobalAveragePool", {conv}, {}, "net/pool", {type({1, 4, 1, 1})}, {"p"}})[0];
    flat = graph.add_node({"Flatten", {pool}, {}, "net/flat", {type({1, 4})}, {"f"}})[0];
    gemm = graph.add_node({"Gemm", {flat, constant("v", {4, 4})}, {}, "net/fc", {type({1, 4})}, {"g"}})[0];
    self =
        graph.add_node({"MatMul", {gemm, graph.add_input("other", type({4, 4}))}, {}, "net/self", {type({1, 4})}, {"s"}})[0];
    graph.add_output(self);
  }
  ir::NodeId id(ir::ValueId v) const { return *graph.value(v).producer; }
  ir::Graph graph;
  ir::ValueId conv, pool, flat, gemm, self;
};

Scheme symmetric() {
  Scheme s = quant::default_activation_scheme();
  s.symmetry = quant::Symmetry::Symmetric;
  return s;
}

TEST(BuildSpace, HasOneDimensionPerSupportedAnchor) {
  const Net net;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), {});
  ASSERT_EQ(space.shape.dims.size(), 2u);
  EXPECT_EQ(space.shape.dims[0].name, "net/conv1");
  EXPECT_EQ(space.shape.dims[0].op_type, "Conv");
  EXPECT_EQ(space.shape.dims[0].options, (std::vector<std::string>{"int8", "fp32"}));
  EXPECT_EQ(space.shape.dims[1].name, "net/fc");
  EXPECT_EQ(space.nodes, (std::vector<ir::NodeId>{net.id(net.conv), net.id(net.gemm)}));
  EXPECT_EQ(space.kept_fp32, (std::map<ir::NodeId, std::string>{{net.id(net.self), "weight is not constant"}}));
}

TEST(BuildSpace, OptionsAreSchemesInOrderThenFp32) {
  const Net net;
  SpaceOptions options;
  options.activations.push_back(symmetric());
  options.weights.push_back(quant::default_weight_scheme());
  options.weights[1].granularity = quant::Granularity::PerTensor;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.shape.dims[0].options,
            (std::vector<std::string>{"int8", "int8:sym", "int8:weight_per_tensor", "int8:sym:weight_per_tensor", "fp32"}));
  EXPECT_EQ(space.options[0][0], (quant::OpConfig{Precision::Int8}));
  EXPECT_EQ(space.options[0][1].activation, symmetric());
  EXPECT_EQ(space.options[0].back().precision, Precision::Fp32);
}

TEST(BuildSpace, TheAdaptorsRefusalIsTheReason) {
  const Net net;
  FakeAdaptor adaptor;
  adaptor.refused_node = "net/fc";
  const TuningSpace space = build_space(net.graph, adaptor, {});
  EXPECT_EQ(space.shape.dims.size(), 1u);
  EXPECT_EQ(space.kept_fp32.at(net.id(net.gemm)), "no kernel for this shape");
}

TEST(BuildSpace, OptionsTheAdaptorRefusesAreLeftOut) {
  const Net net;
  FakeAdaptor adaptor;
  adaptor.symmetric_only = true;
  SpaceOptions options;
  options.activations.push_back(symmetric());
  const TuningSpace space = build_space(net.graph, adaptor, options);
  ASSERT_EQ(space.options[0].size(), 2u);
  EXPECT_EQ(space.options[0][0].activation, symmetric());
}

TEST(BuildSpace, RulesRestrictByTypeAndNameAndLaterOnesWin) {
  const Net net;
  SpaceOptions options;
  options.rules.push_back({.op_type = "Conv", .fp32_only = true});
  options.rules.push_back({.name_regex = "net/f.*", .activations = {symmetric()}});
  TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_EQ(space.shape.dims.size(), 1u);
  EXPECT_EQ(space.options[0][0].activation, symmetric());
  EXPECT_EQ(space.kept_fp32.at(net.id(net.conv)), "kept in FP32 by the configuration (operator type Conv)");

  options.rules.push_back({.name_regex = "net/conv1"});
  space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.shape.dims.size(), 2u);
}

TEST(BuildSpace, NamePatternsMatchWholeNamesOrLiterally) {
  const Net net;
  SpaceOptions options;
  options.rules.push_back({.name_regex = "conv1", .fp32_only = true});
  EXPECT_EQ(build_space(net.graph, FakeAdaptor(), options).shape.dims.size(), 2u);
  options.rules[0].name_regex = ".*conv1";
  EXPECT_EQ(build_space(net.graph, FakeAdaptor(), options).shape.dims.size(), 1u);
}

TEST(BuildSpace, ABrokenPatternIsAConfigError) {
  const Net net;
  SpaceOptions options;
  options.rules.push_back({.name_regex = "net/(", .fp32_only = true});
  EXPECT_THROW(build_space(net.graph, FakeAdaptor(), options), ConfigError);
}

TEST(Decode, GivesTheOptionOfEveryDimension) {
  const Net net;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), {});
  const quant::QuantConfig config = space.decode({0, 1});
  EXPECT_EQ(config.ops.at(net.id(net.conv)).precision, Precision::Int8);
  EXPECT_EQ(config.ops.at(net.id(net.gemm)).precision, Precision::Fp32);
  EXPECT_THROW(space.decode({0}), InternalError);
  EXPECT_THROW(space.decode({0, 2}), InternalError);
}

}  // namespace
}  // namespace inc::tuning
