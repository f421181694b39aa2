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
  Support runs_natively(quant::Precision) const override { return Support::yes(); }
  std::string_view name() const override { return "fake"; }
};

struct SpaceNet {
  SpaceNet() {
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
  const SpaceNet net;
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
  const SpaceNet net;
  SpaceOptions options;
  options.activation.symmetries = {quant::Symmetry::Asymmetric, quant::Symmetry::Symmetric};
  options.weight.granularities = {quant::Granularity::PerChannel, quant::Granularity::PerTensor};
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.shape.dims[0].options,
            (std::vector<std::string>{"int8", "int8:sym", "int8:weight_per_tensor", "int8:sym:weight_per_tensor", "fp32"}));
  EXPECT_EQ(space.options[0][0], (quant::OpConfig{Precision::Int8}));
  EXPECT_EQ(space.options[0][1].activation, symmetric());
  EXPECT_EQ(space.options[0].back().precision, Precision::Fp32);
}

TEST(BuildSpace, WhatSpeedKeepsBackIsNoOption) {
  const SpaceNet net;
  SpaceOptions options;
  options.bf16 = true;
  options.slower[net.id(net.conv)]["int8"] = "INT8 is slower";
  options.slower[net.id(net.gemm)]["bf16"] = "BF16 is slower";
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_GE(space.shape.dims.size(), 2u);
  EXPECT_EQ(space.shape.dims[0].options, (std::vector<std::string>{"bf16", "fp32"}));
  EXPECT_EQ(space.shape.dims[1].options, (std::vector<std::string>{"int8", "fp32"}));
  EXPECT_EQ(space.kept_fp32.at(net.id(net.conv)), "INT8 is slower");
  EXPECT_EQ(space.slower_in_bf16.at(net.id(net.gemm)), "BF16 is slower");
  EXPECT_TRUE(space.not_bf16.contains(net.id(net.gemm)));
}

TEST(BuildSpace, SmoothingDoesNotBringBackWhatSpeedKeptOut) {
  const SpaceNet net;
  SpaceOptions options;
  options.matrix_smoothing = {{quant::Smoothing::SmoothQuant}};
  options.slower[net.id(net.gemm)]["int8"] = "INT8 is slower";
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.kept_fp32.at(net.id(net.gemm)), "INT8 is slower");
}

TEST(BuildSpace, TheAdaptorsRefusalIsTheReason) {
  const SpaceNet net;
  FakeAdaptor adaptor;
  adaptor.refused_node = "net/fc";
  const TuningSpace space = build_space(net.graph, adaptor, {});
  EXPECT_EQ(space.shape.dims.size(), 1u);
  EXPECT_EQ(space.kept_fp32.at(net.id(net.gemm)), "no kernel for this shape");
}

TEST(BuildSpace, OptionsTheAdaptorRefusesAreLeftOut) {
  const SpaceNet net;
  FakeAdaptor adaptor;
  adaptor.symmetric_only = true;
  SpaceOptions options;
  options.activation.symmetries = {quant::Symmetry::Asymmetric, quant::Symmetry::Symmetric};
  const TuningSpace space = build_space(net.graph, adaptor, options);
  ASSERT_EQ(space.options[0].size(), 2u);
  EXPECT_EQ(space.options[0][0].activation, symmetric());
}

TEST(BuildSpace, RulesRestrictByTypeAndNameAndLaterOnesWin) {
  const SpaceNet net;
  SpaceOptions options;
  options.rules.push_back({.op_type = "Conv", .int8 = false});
  options.rules.push_back({.name_regex = "net/f.*", .activation = {{}, {quant::Symmetry::Symmetric}, {}, {}, {}}});
  TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_EQ(space.shape.dims.size(), 1u);
  EXPECT_EQ(space.options[0][0].activation, symmetric());
  EXPECT_EQ(space.kept_fp32.at(net.id(net.conv)), "kept out of INT8 by the configuration (operator type Conv)");

  options.rules.push_back({.name_regex = "net/conv1", .int8 = true});
  space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.shape.dims.size(), 2u);
}

TEST(BuildSpace, NamePatternsMatchWholeNamesOrLiterally) {
  const SpaceNet net;
  SpaceOptions options;
  options.rules.push_back({.name_regex = "conv1", .int8 = false});
  EXPECT_EQ(build_space(net.graph, FakeAdaptor(), options).shape.dims.size(), 2u);
  options.rules[0].name_regex = ".*conv1";
  EXPECT_EQ(build_space(net.graph, FakeAdaptor(), options).shape.dims.size(), 1u);
}

TEST(BuildSpace, ABrokenPatternIsAConfigError) {
  const SpaceNet net;
  SpaceOptions options;
  options.rules.push_back({.name_regex = "net/(", .int8 = false});
  EXPECT_THROW(build_space(net.graph, FakeAdaptor(), options), ConfigError);
}

std::vector<std::string> precisions(const TuningSpace& space, std::size_t dim) {
  std::vector<std::string> out;
  for (const auto& option : space.options[dim]) out.emplace_back(quant::name_of(option.precision));
  return out;
}

TEST(BuildSpace, Bf16StandsBetweenInt8AndFp32AndTakesWhatInt8Cannot) {
  const SpaceNet net;
  SpaceOptions options;
  options.bf16 = true;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_EQ(space.shape.dims.size(), 3u);
  EXPECT_EQ(precisions(space, 0), (std::vector<std::string>{"int8", "bf16", "fp32"}));
  EXPECT_EQ(space.shape.dims[0].safe, 1u);
  EXPECT_EQ(precisions(space, 2), (std::vector<std::string>{"bf16", "fp32"})) << "a MatMul of two activations";
  EXPECT_EQ(space.shape.dims[2].safe, 1u);
  EXPECT_EQ(space.without_bf16({1, 0, 0}), (search::Point{2, 0, 1}));
}

TEST(BuildSpace, WithoutInt8ThereIsBf16AndFp32) {
  const SpaceNet net;
  SpaceOptions options;
  options.int8 = false;
  options.bf16 = true;
  options.rules.push_back({.op_type = "Gemm", .bf16 = false});
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_EQ(space.shape.dims.size(), 2u);
  EXPECT_EQ(precisions(space, 0), (std::vector<std::string>{"bf16", "fp32"}));
  EXPECT_FALSE(space.needs_ranges());
  EXPECT_FALSE(space.uses(Precision::Int8));
  ASSERT_EQ(space.not_bf16.size(), 1u);
  EXPECT_EQ(net.graph.node(*space.not_bf16.begin()).op, "Gemm");
}

TEST(BuildSpace, ClosedEndsStayOutOfInt8) {
  const SpaceNet net;
  SpaceOptions options;
  options.last_anchor = false;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  ASSERT_EQ(space.shape.dims.size(), 1u);
  EXPECT_EQ(space.kept_fp32.at(net.id(net.gemm)), "recipe last_conv_or_matmul_quantization is off");
}

TEST(BuildSpace, MethodsAreThoseOfTheOptions) {
  const SpaceNet net;
  SpaceOptions options;
  options.activation.methods = {quant::RangeMethod::Kl, quant::RangeMethod::Mse};
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_EQ(space.methods(), (std::set<quant::RangeMethod>{quant::RangeMethod::Kl, quant::RangeMethod::Mse}));
  EXPECT_TRUE(space.needs_ranges());
}

/// softmax(q · k) · v with so many numbers a query.
struct AttentionNet {
  explicit AttentionNet(std::int64_t depth) {
    const auto type = [](const ir::Shape& shape) { return ir::TensorType::of(DType::Float, shape); };
    const auto q = graph.add_input("q", type({6, depth})), k = graph.add_input("k", type({depth, 6})),
               v = graph.add_input("v", type({6, depth}));
    const auto node = [&](const std::string& op, const std::vector<ir::ValueId>& inputs, const std::string& name,
                          const ir::Shape& shape) {
      return graph.add_node({op, inputs, {}, name, {type(shape)}, {name + "_out"}})[0];
    };
    scores = node("MatMul", {q, k}, "scores", {6, 6});
    context = node("MatMul", {node("Softmax", {scores}, "softmax", {6, 6}), v}, "context", {6, depth});
    graph.add_output(context);
  }
  ir::Graph graph;
  ir::ValueId scores, context;
};

TEST(BuildSpace, AnAttentionIsOneDimensionWhereItMayBeInt8) {
  for (const std::int64_t depth : {8, 16})
    for (const Attentions may : {Attentions::None, Attentions::Wide, Attentions::All}) {
      const AttentionNet net(depth);
      SpaceOptions options;
      options.attentions = may;
      options.weight.bounds = {quant::WeightBound::PairBounded, quant::WeightBound::Full};
      const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
      const bool there = may == Attentions::All || (may == Attentions::Wide && depth == 16);
      ASSERT_EQ(space.shape.dims.size(), there ? 1u : 0u) << depth;
      const ir::NodeId scores = *net.graph.value(net.scores).producer, context = *net.graph.value(net.context).producer;
      EXPECT_EQ(space.kept_fp32.at(scores), there ? "goes with 'context'" : "weight is not constant");
      if (!there) continue;
      EXPECT_EQ(space.shape.dims[0].name, "context");
      EXPECT_EQ(space.shape.dims[0].options, (std::vector<std::string>{"int8", "fp32"})) << "it has no weights to bound";
      EXPECT_EQ(space.attentions, std::set<ir::NodeId>{context});
    }
}

TEST(BuildSpace, AnAttentionHasNoDynamicForm) {
  const AttentionNet net(16);
  SpaceOptions options;
  options.attentions = Attentions::All;
  options.approach = Approach::Dynamic;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), options);
  EXPECT_TRUE(space.shape.dims.empty());
  EXPECT_EQ(space.kept_fp32.at(*net.graph.value(net.context).producer), "attention takes the ranges of calibration");
}

TEST(Decode, GivesTheOptionOfEveryDimension) {
  const SpaceNet net;
  const TuningSpace space = build_space(net.graph, FakeAdaptor(), {});
  const quant::QuantConfig config = space.decode({0, 1});
  EXPECT_EQ(config.ops.at(net.id(net.conv)).precision, Precision::Int8);
  EXPECT_EQ(config.ops.at(net.id(net.gemm)).precision, Precision::Fp32);
  EXPECT_THROW(space.decode({0}), InternalError);
  EXPECT_THROW(space.decode({0, 2}), InternalError);
}

}  // namespace
}  // namespace inc::tuning
