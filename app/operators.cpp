#include "app/operators.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/ops/ops.h"
#include "core/ops/support.h"

namespace inc::app {
namespace {

using Tensors = std::vector<ir::Tensor>;
constexpr std::int64_t kOpset = 21;
constexpr std::size_t kMostFreeInputs = 3;

ir::Tensor reals(const ir::Shape& shape) {
  return ir::Tensor::of<float>(shape, std::vector<float>(static_cast<std::size_t>(ir::element_count(shape)), 0.5f));
}

ir::Tensor integers(const std::vector<std::int64_t>& values) {
  return ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

/// What inputs may be: pictures, filters, matrices, sequences, rows, indices, shapes, flags. The first that fits is taken.
const Tensors& menu() {
  static const Tensors items = {reals({2, 8, 8, 8}),
                                reals({8, 8, 3, 3}),
                                reals({8, 8}),
                                reals({8}),
                                reals({4, 8, 8}),
                                reals({}),
                                integers({1}),
                                integers({0}),
                                integers({2, 8, 8, 8}),
                                integers({1, 1, 1, 1}),
                                integers({0, 0, 0, 0, 0, 0, 0, 0}),
                                ir::Tensor::scalar<std::int64_t>(1),
                                reals({1, 32, 8}),
                                reals({1, 24, 8}),
                                reals({1, 8, 8}),
                                reals({2, 18, 6, 6}),
                                reals({2, 8, 8, 2}),
                                reals({1, 4}),
                                ir::Tensor::of<float>({4}, {1, 1, 2, 2}),
                                ir::Tensor::of<bool>({2, 2}, {true, false, true, true}),
                                ir::Tensor::of<std::uint8_t>({2, 2}, {1, 0, 1, 1}),
                                ir::Tensor::of<std::int32_t>({2, 2}, {1, 0, 1, 1})};
  return items;
}

/// What some operators require; the others do not look.
ir::Attrs attributes(bool with_axis) {
  ir::Attrs attrs{{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                  {"hidden_size", std::int64_t{8}},
                  {"equation", std::string("...ij,jk->...ik")},
                  {"blocksize", std::int64_t{2}},
                  {"to", std::int64_t{1}},
                  {"num_outputs", std::int64_t{2}},
                  {"num_groups", std::int64_t{2}},
                  {"size", std::int64_t{3}}};
  if (with_axis) attrs.set("axis", std::int64_t{1});
  return attrs;
}

struct Example {
  ir::Node node;
  Tensors inputs, outputs;
};

bool accepts(Example& example) {
  example.node.inputs.assign(example.inputs.size(), ir::ValueId{0});
  example.node.outputs = {ir::ValueId{1}};
  try {
    std::vector<ops::Spec> specs;
    for (const ir::Tensor& input : example.inputs) specs.push_back({input.dtype(), input.shape(), &input, true});
    for (const auto& output : ops::infer(example.node, specs, kOpset))
      if (ir::element_count(output.shape) == 0) return false;
    example.outputs = ops::evaluate(example.node, example.inputs, kOpset);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool complete(Example& example, std::size_t count) {
  if (example.inputs.size() == count) return accepts(example);
  if (example.inputs.size() >= kMostFreeInputs) {
    example.inputs.resize(count, example.inputs.back());
    if (accepts(example)) return true;
    example.inputs.resize(kMostFreeInputs);
    return false;
  }
  const std::size_t first = example.inputs.empty() ? 0 : 1;  // operands are rarely as large as the data
  for (std::size_t i = 0; i < menu().size(); ++i) {
    example.inputs.push_back(menu()[(i + first) % menu().size()]);
    if (complete(example, count)) return true;
    example.inputs.pop_back();
  }
  return false;
}

/// Both operands come from outside.
bool joins(const ops::OpInfo& row) {
  return (row.quant == ops::QuantRole::SharedInputs || row.commutative) && row.max_inputs >= 2;
}

std::optional<Example> example_of(const ops::OpInfo& row) {
  const auto least = static_cast<std::size_t>(joins(row) ? std::max(row.min_inputs, 2) : row.min_inputs);
  const std::size_t most = std::min(least + 2, static_cast<std::size_t>(row.max_inputs));
  Example example;
  example.node.op = row.name;
  example.node.name = "example";
  for (const bool with_axis : {false, true})
    for (std::size_t count = std::max<std::size_t>(least, 1); count <= most; ++count) {
      example.node.attrs = attributes(with_axis);
      if (joins(row)) {
        example.inputs = {menu()[0], menu()[0]};
        if (complete(example, count)) return example;
      }
      example.inputs.clear();
      if (complete(example, count)) return example;
    }
  return std::nullopt;
}

std::vector<runtime::StepProfile> steps_of(const runtime::Adaptor& adaptor, const ir::Graph& graph, const Tensors& inputs) {
  return adaptor.prepare(graph)->profile(inputs, 0);
}

/// The example as a graph: the first input comes from outside, the others are constants.
ir::Graph graph_of(const Example& example) {
  ir::Graph graph;
  graph.opset = kOpset;
  ir::NodeSpec spec{
      example.node.op, {graph.add_input("x", example.inputs[0].type())}, example.node.attrs, "example", {}, {}};
  for (std::size_t i = 1; i < example.inputs.size(); ++i)
    spec.inputs.push_back(graph.add_constant("c" + std::to_string(i), example.inputs[i]));
  spec.output_types = {example.outputs[0].type()};
  graph.add_output(graph.add_node(spec)[0]);
  return graph;
}

bool is_scalar(const Example& example, const runtime::StepProfile& step) {
  return step.kernel == "inc:" + example.node.op + ":scalar";
}

How judge(const Example& example, const std::vector<runtime::StepProfile>& steps) {
  How how = How::Native;
  for (const auto& step : steps) {
    if (is_scalar(example, step)) return How::Scalar;
    if (step.emulated) how = How::Converted;
  }
  return how;
}

How in_own_type(const runtime::Adaptor& adaptor, const Example& example) {
  return judge(example, steps_of(adaptor, graph_of(example), {example.inputs[0]}));
}

How in_bf16(const runtime::Adaptor& adaptor, Example example) {
  if (example.inputs[0].dtype() != DType::Float) return How::Unknown;
  const Tensors real = example.inputs;
  for (std::size_t converted = real.size(); converted > 0; --converted) {
    example.inputs = real;
    for (std::size_t i = 0; i < converted; ++i)
      if (real[i].dtype() == DType::Float) example.inputs[i] = ops::cast(real[i], DType::BFloat16);
    if (accepts(example)) return in_own_type(adaptor, example);
  }
  return How::Unknown;
}

/// Between DequantizeLinear and QuantizeLinear, with 8-bit weights where the operator has weights.
How in_int8(const runtime::Adaptor& adaptor, const Example& example, const ops::OpInfo& row) {
  if (example.inputs[0].dtype() != DType::Float || example.outputs[0].dtype() != DType::Float) return How::Unknown;
  ir::Graph graph;
  graph.opset = kOpset;
  const auto scale = graph.add_constant("scale", ir::Tensor::scalar(0.02f));
  const auto zero = graph.add_constant("zero", ir::Tensor::scalar<std::uint8_t>(128));
  const auto signed_zero = graph.add_constant("signed_zero", ir::Tensor::scalar<std::int8_t>(0));
  Tensors data;
  const auto real = [&](ir::ValueId q, ir::ValueId zero_point, const ir::Shape& shape) {
    return graph.add_node(
        {"DequantizeLinear", {q, scale, zero_point}, {}, "", {ir::TensorType::of(DType::Float, shape)}, {}})[0];
  };
  ir::NodeSpec spec{example.node.op, {}, example.node.attrs, "example", {example.outputs[0].type()}, {}};
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    const ir::Tensor& input = example.inputs[i];
    const std::string name = "i" + std::to_string(i);
    if (i == 0 || (joins(row) && input.shape() == example.inputs[0].shape())) {
      data.push_back(ir::Tensor::of<std::uint8_t>(input.shape(),
                                                  std::vector<std::uint8_t>(static_cast<std::size_t>(input.count()), 130)));
      spec.inputs.push_back(real(graph.add_input(name, data.back().type()), zero, input.shape()));
    } else if (static_cast<int>(i) == row.weight_input) {
      const std::vector<std::int8_t> weights(static_cast<std::size_t>(input.count()), 3);
      spec.inputs.push_back(
          real(graph.add_constant(name, ir::Tensor::of(input.shape(), weights)), signed_zero, input.shape()));
    } else {
      spec.inputs.push_back(graph.add_constant(name, input));
    }
  }
  const ir::ValueId result = graph.add_node(spec)[0];
  const auto type = ir::TensorType::of(DType::UInt8, example.outputs[0].shape());
  graph.add_output(graph.add_node({"QuantizeLinear", {result, scale, zero}, {}, "", {type}, {}})[0]);
  const auto steps = steps_of(adaptor, graph, data);
  const bool leaves = std::any_of(steps.begin(), steps.end(), [](const auto& step) {
    return step.kernel.starts_with("inc:dequantize") || step.kernel.starts_with("inc:quantize");
  });
  const How how = judge(example, steps);
  return how == How::Native && leaves ? How::Converted : how;
}

template <class Ask>
How ask(Ask&& question) {
  try {
    return question();
  } catch (const Error&) {
    return How::Unknown;
  }
}

}  // namespace

std::string_view name_of(How how) noexcept {
  switch (how) {
    case How::Native:
      return "native";
    case How::Converted:
      return "converted";
    case How::Scalar:
      return "scalar";
    case How::Unknown:
      return "-";
  }
  return "";
}

std::vector<OperatorSupport> operator_support(const runtime::Adaptor& adaptor) {
  std::vector<OperatorSupport> rows;
  for (const ops::OpInfo& row : ops::table()) {
    OperatorSupport support{std::string(row.name)};
    if (const auto example = example_of(row)) {
      support.fp32 = ask([&] { return in_own_type(adaptor, *example); });
      support.bf16 = ask([&] { return in_bf16(adaptor, *example); });
      support.int8 = ask([&] { return in_int8(adaptor, *example, row); });
    }
    rows.push_back(std::move(support));
  }
  return rows;
}

}  // namespace inc::app
