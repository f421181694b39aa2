// Random small graphs: fused, and fused and lowered, they compute what they computed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/ir/print.h"
#include "core/ops/ops.h"
#include "core/passes/pass.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"
#include "tests/support/run.h"

namespace inc::passes {
namespace {

constexpr int kGraphs = 120;
constexpr std::int64_t kSize = 4;  // every feature map is [N, 4, 4, 4]

class RandomNet {
 public:
  explicit RandomNet(std::uint64_t seed) : rng_(seed) {
    static constexpr std::int64_t kOpsets[] = {13, 17, 18, 21, 23};
    graph.opset = kOpsets[rng_.next() % 5];
    type_ = feature_map(kSize, kSize);
    pool_.push_back(graph.add_input("x", type_));
    for (int i = 0; i < 12; ++i) grow();
    graph.add_output(pool_.back());
    if (rng_.next() % 3 == 0) add_extra_output();
  }

  ir::Graph graph;

 private:
  static ir::TensorType feature_map(std::int64_t height, std::int64_t width) {
    return {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {kSize, ""}, {height, ""}, {width, ""}}};
  }
  ir::ValueId any() { return pool_[rng_.next() % pool_.size()]; }
  /// Mostly the newest value, so that chains form.
  ir::ValueId recent() { return rng_.next() % 4 == 0 ? any() : pool_.back(); }
  ir::ValueId constant(const ir::Shape& shape, double low = -1, double high = 1) {
    return graph.add_constant("c", inc::testing::random_tensor(DType::Float, shape, rng_, low, high));
  }
  ir::ValueId number(float value) { return graph.add_constant("c", ir::Tensor::scalar(value)); }
  ir::ValueId add(const std::string& op, std::vector<ir::ValueId> inputs, ir::Attrs attrs = {}) {
    const auto out =
        graph.add_node({op, std::move(inputs), std::move(attrs), fmt::format("n{}", graph.nodes().size()), {type_}, {}});
    pool_.push_back(out[0]);
    return out[0];
  }
  void add_extra_output() {
    for (const ir::ValueId v : pool_)
      if (graph.producer(v) && !graph.is_output(v)) return graph.add_output(v);
  }

  void grow() {
    const ir::ValueId x = recent();
    switch (rng_.next() % 16) {
      case 0:
      case 1:
        convolve(x);
        break;
      case 2:
        add("MatMul", {x, constant({kSize, kSize})});
        break;
      case 3:
        add("Add", {x, constant(bias_shape())});
        break;
      case 4:
        add("Add", {x, any()});
        break;
      case 5:
        add("Mul", {x, constant(bias_shape())});
        break;
      case 6:
        add("Relu", {x});
        break;
      case 7:
        add("Clip", {x, number(-0.5f), number(0.75f)});
        break;
      case 8:
        add("Mul", {x, add("Sigmoid", {x})});
        break;
      case 9:
        add("BatchNormalization", {x, constant({kSize}), constant({kSize}), constant({kSize}), constant({kSize}, 0.5, 2)});
        break;
      case 10:
        normalize(x);
        break;
      case 11:
        add("Mul",
            {add("Mul", {x, number(0.5f)}), add("Add", {add("Erf", {add("Div", {x, number(1.41421356f)})}), number(1)})});
        break;
      case 12:
        pad_and_convolve(x);
        break;
      case 13:
        add("Identity", {x});
        break;
      case 14:
        add(rng_.next() % 2 ? "Tanh" : "HardSwish", {x});
        break;
      default:
        add("Sub", {x, any()});
        break;
    }
  }
  ir::Shape bias_shape() {
    switch (rng_.next() % 4) {
      case 0:
        return {};
      case 1:
        return {kSize};
      case 2:
        return {kSize, 1, 1};
      default:
        return {1, kSize, 1, 1};
    }
  }
  void convolve(ir::ValueId x) {
    const bool depthwise = rng_.next() % 3 == 0;
    ir::Attrs attrs = {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}, {"group", std::int64_t{depthwise ? kSize : 1}}};
    std::vector<ir::ValueId> inputs = {x, constant({kSize, depthwise ? 1 : kSize, 3, 3}, -0.5, 0.5)};
    if (rng_.next() % 2) inputs.push_back(constant({kSize}));
    add("Conv", inputs, attrs);
  }
  void pad_and_convolve(ir::ValueId x) {
    const ir::TensorType padded = feature_map(kSize + 2, kSize + 2);
    const auto pads = graph.add_constant("pads", ir::Tensor::of<std::int64_t>({8}, {0, 0, 0, 1, 0, 0, 2, 1}));
    const auto p = graph.add_node({"Pad", {x, pads}, {}, "", {padded}, {}})[0];
    add("Conv", {p, constant({kSize, kSize, 3, 3}, -0.5, 0.5)});
  }
  void normalize(ir::ValueId x) {
    const ir::TensorType reduced = feature_map(kSize, 1);
    const auto mean = [&](ir::ValueId v) {
      ir::NodeSpec spec{"ReduceMean", {v}, {}, "", {reduced}, {}};
      if (graph.opset >= 18)
        spec.inputs.push_back(graph.add_constant("axes", ir::Tensor::of<std::int64_t>({1}, {-1})));
      else
        spec.attrs.set("axes", std::vector<std::int64_t>{-1});
      return graph.add_node(std::move(spec))[0];
    };
    const auto small = [&](const char* op, std::vector<ir::ValueId> in) {
      return graph.add_node({op, std::move(in), {}, "", {reduced}, {}})[0];
    };
    if (rng_.next() % 2) x = add("Sub", {x, mean(x)});
    const auto root = small("Sqrt", {small("Add", {mean(add("Mul", {x, x})), number(0.25f)})});
    add("Div", {x, root});
    if (rng_.next() % 2) add("Mul", {pool_.back(), constant({kSize})});
    if (rng_.next() % 2) add("Add", {pool_.back(), constant({kSize})});
  }

  Rng rng_;
  ir::TensorType type_;
  std::vector<ir::ValueId> pool_;
};

void expect_same(const ir::Graph& before, const ir::Graph& after, Rng& rng) {
  const auto inputs = inc::testing::random_inputs(before, rng, 2);
  const auto expected = inc::testing::run(before, inputs), actual = inc::testing::run(after, inputs);
  for (std::size_t k = 0; k < expected.size(); ++k)
    ASSERT_TRUE(inc::testing::agree(actual[k], expected[k], inc::testing::Nmse{1e-7}))
        << ir::print(before) << ir::print(after);
}

TEST(RandomGraphs, FuseAndLowerWithoutChangingTheResult) {
  std::size_t before_nodes = 0, after_nodes = 0;
  for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph before = RandomNet(seed).graph;
    ir::Graph fused = before;
    fusion_pipeline().run(fused);
    fused.verify();
    before_nodes += before.nodes().size();
    after_nodes += fused.nodes().size();
    Rng rng(seed);
    ASSERT_NO_FATAL_FAILURE(expect_same(before, fused, rng));
    ir::Graph lowered = fused;
    lowering_pipeline().run(lowered);
    lowered.verify();
    for (const ir::NodeId id : lowered.nodes())
      ASSERT_FALSE(lowered.node(id).op.starts_with("inc.")) << ir::print(lowered, id);
    ASSERT_NO_FATAL_FAILURE(expect_same(before, lowered, rng));
  }
  EXPECT_LT(after_nodes * 3, before_nodes * 2) << "the random graphs leave nothing to fuse";
}

TEST(Slices, JoinTheConvolutionInAnyOrderOfPhases) {
  std::vector<std::int64_t> order{0, 1, 2, 3};
  do {
    const std::int64_t height = 6, width = 10, channels = 3;
    ir::Graph before;
    before.opset = 17;
    Rng rng(static_cast<std::uint64_t>(order[0] * 100 + order[1] * 10 + order[2]));
    const auto typed = [](ir::Shape shape) { return ir::TensorType::of(DType::Float, shape); };
    const ir::ValueId x = before.add_input("x", typed({1, channels, height, width}));
    const auto integers = [&](std::vector<std::int64_t> values) {
      return before.add_constant("i", ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
    };
    ir::NodeSpec join{"Concat", {}, {}, "join", {typed({1, 4 * channels, height / 2, width / 2})}, {}};
    join.attrs.set("axis", std::int64_t{1});
    for (const std::int64_t phase : order) {
      const ir::ValueId ends = integers({1LL << 40, 1LL << 40}), axes = integers({-2, 3}), steps = integers({2, 2});
      join.inputs.push_back(before.add_node({"Slice",
                                             {x, integers({phase / 2, phase % 2}), ends, axes, steps},
                                             {},
                                             "slice",
                                             {typed({1, channels, height / 2, width / 2})},
                                             {}})[0]);
    }
    const ir::ValueId t = before.add_node(std::move(join))[0];
    const ir::ValueId w =
        before.add_constant("w", inc::testing::random_tensor(DType::Float, {5, 4 * channels, 3, 2}, rng, -1, 1));
    ir::NodeSpec conv{"Conv", {t, w}, {}, "conv", {typed({1, 5, 2, 5})}, {}};
    conv.attrs.set("strides", std::vector<std::int64_t>{2, 1});
    conv.attrs.set("pads", std::vector<std::int64_t>{1, 0, 0, 1});
    before.add_output(before.add_node(std::move(conv))[0]);
    ir::Graph after = before;
    fusion_pipeline().run(after);
    EXPECT_EQ(after.nodes().size(), 1u);
    ASSERT_NO_FATAL_FAILURE(expect_same(before, after, rng));
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace inc::passes
