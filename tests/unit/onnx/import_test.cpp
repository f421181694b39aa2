#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "core/base/file.h"
#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ImportText, BareGraphGetsADefaultHeader) {
  const auto graph = import_text("g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }");
  EXPECT_EQ(graph.opset, 21);
  EXPECT_EQ(ir::print(graph), "g (float[N,4] x) => (float[N,4] y) {\n  y = Relu(x)\n}\n");
}

TEST(ImportText, WholeModelKeepsItsOpset) {
  EXPECT_EQ(import_text(R"(<ir_version: 8, opset_import: ["" : 15]> g (float[2] x) => (float[2] y) { y = Relu(x) })").opset,
            15);
}

TEST(ImportText, ElidedWeightsAreDeterministicAndDifferByName) {
  const std::string text =
      "g (float[N,4] x) => (float[N,4] y) <float[4,4] a, float[4,4] b> { t = MatMul(x, a) y = MatMul(t, b) }";
  const auto graph = import_text(text);
  const auto* a = graph.constant(*graph.find_value("a"));
  const auto* b = graph.constant(*graph.find_value("b"));
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_FALSE(ir::identical(*a, *b));
  for (const float value : a->values<float>()) EXPECT_LE(std::abs(value), 1.0f);
  EXPECT_EQ(ir::print(graph), ir::print(import_text(text)));
}

TEST(ImportText, SyntaxErrorIsAModelError) {
  EXPECT_THAT(failure<ModelError>([] { import_text("g (float[2] x) => (float[2] y) { y = Relu(x"); }),
              HasSubstr("does not parse"));
}

TEST(Import, InfersTypesOfIntermediateValues) {
  const auto graph = import_text("g (float[N,4] x) => (y) <float[4,3] w> { t = MatMul(x, w) y = Relu(t) }");
  EXPECT_EQ(graph.value(*graph.find_value("t")).type.to_string(), "float[N,3]");
  EXPECT_EQ(graph.value(*graph.find_value("y")).type.to_string(), "float[N,3]");
}

TEST(Import, PropagatesShapeDataThroughReshape) {
  const auto graph = import_text(R"(g (float[2,3,4] x) => (y) <int64[1] flat = {-1}, int64[1] zero = {0}> {
    s = Shape(x) n = Gather(s, zero) d = Concat<axis = 0>(n, flat) y = Reshape(x, d) })");
  EXPECT_EQ(graph.value(*graph.find_value("y")).type.to_string(), "float[2,12]");
}

TEST(Import, ConstantNodesBecomeConstants) {
  const auto graph = import_text(R"(g (float[2] x) => (float[2] y, int64[2] z) {
    c = Constant<value = float[2] {1.5, 2.5}>()
    i = Constant<value_ints = [3, 4]>()
    f = Constant<value_float = 2.0>()
    t = Add(x, c) y = Mul(t, f) z = Identity(i) })");
  EXPECT_EQ(graph.nodes().size(), 3u);
  EXPECT_EQ(graph.constant(*graph.find_value("c"))->to_floats(), (std::vector<float>{1.5f, 2.5f}));
  EXPECT_EQ(graph.constant(*graph.find_value("i"))->to_int64s(), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(graph.constant(*graph.find_value("f"))->shape(), ir::Shape{});
}

TEST(Import, UnusedInitializersAreLeftOut) {
  const auto graph = import_text("g (float[2] x) => (float[2] y) <float[3] unused = {1, 2, 3}> { y = Relu(x) }");
  EXPECT_FALSE(graph.find_value("unused").has_value());
}

TEST(Import, InitializersListedAsInputsAreConstants) {
  const auto graph = import_text(R"(<ir_version: 3, opset_import: ["" : 13]>
    g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) })");
  EXPECT_EQ(graph.inputs().size(), 1u);
  EXPECT_NE(graph.constant(*graph.find_value("w")), nullptr);
}

TEST(Import, OmittedOptionalInputsStayOmitted) {
  const auto graph = import_text("g (float[2] x) => (float[2] y) <float high = {6.0}> { y = Clip(x, , high) }");
  const auto& node = graph.node(graph.nodes().front());
  ASSERT_EQ(node.inputs.size(), 3u);
  EXPECT_TRUE(node.inputs[1].none());
}

TEST(Import, LocalFunctionsAreInlined) {
  const auto graph = import_text(R"(<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
    g (float[2] x) => (float[2] y) { y = local.twice(x) }
    <domain: "local", opset_import: ["" : 21]> twice (a) => (b) { b = Add(a, a) })");
  ASSERT_EQ(graph.nodes().size(), 1u);
  EXPECT_EQ(graph.node(graph.nodes().front()).op, "Add");
  EXPECT_EQ(graph.output_names().front(), "y");
}

TEST(Import, OperatorsWithoutARowAreExpandedWhereOnnxDefinesThem) {
  const auto graph = import_text("g (int64 n) => (float[M] y) { y = HannWindow<output_datatype = 1>(n) }");
  EXPECT_GT(graph.nodes().size(), 1u);
  EXPECT_EQ(graph.output_names().front(), "y");
}

TEST(Import, HalfPrecisionAndDoubleInitializersKeepTheirValues) {
  const auto graph =
      import_text(R"(g (float16[2] x, double[2] d, bfloat16[1] b) => (float16[2] y, double[2] z, bfloat16[1] w)
    <float16[2] h = {15872, 49152}, double[2] e = {0.1, 0.2}> { y = Add(x, h) z = Add(d, e) w = Add(b, b) })");
  EXPECT_EQ(graph.constant(*graph.find_value("h"))->to_floats(), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(graph.constant(*graph.find_value("e"))->data<double>()[0], 0.1);
}

TEST(Import, UnknownOperatorsAreNamedWithTheirCount) {
  const auto message = failure<UnsupportedError>([] {
    import_text(R"(<ir_version: 10, opset_import: ["" : 21, "com.acme" : 1]>
      g (float[2] x) => (float[2] y) { [first] t = com.acme.Wonder(x) u = com.acme.Marvel(t) y = com.acme.Wonder(u) })");
  });
  EXPECT_THAT(message, AllOf(HasSubstr("node 'first' (com.acme.Wonder, opset 21)"),
                             HasSubstr("2 more (com.acme.Marvel, com.acme.Wonder)")));
}

TEST(Import, OperatorsThatDoNotExistAreNamed) {
  EXPECT_THAT(failure<UnsupportedError>([] { import_text("g (float[2] x) => (float[2] y) { [n1] y = Relo(x) }"); }),
              HasSubstr("node 'n1' (Relo)"));
}

TEST(Import, SubgraphsAreRefusedByNodeName) {
  const auto message = failure<UnsupportedError>([] {
    import_text(R"(g (bool c, float[2] x) => (float[2] y) { [choice] y = If (c)
      <then_branch = t () => (float[2] a) { a = Relu(x) }, else_branch = e () => (float[2] b) { b = Abs(x) }> })");
  });
  EXPECT_THAT(message, AllOf(HasSubstr("node 'choice' (If)"), HasSubstr("subgraphs")));
}

TEST(Import, StringsAndSequencesAreRefused) {
  EXPECT_THAT(failure<UnsupportedError>([] { import_text("g (string[2] x) => (string[2] y) { y = Identity(x) }"); }),
              AllOf(HasSubstr("graph input 'x'"), HasSubstr("STRING")));
  EXPECT_THAT(failure<UnsupportedError>([] { import_text("g (seq(float[2]) x) => (seq(float[2]) y) { y = Identity(x) }"); }),
              HasSubstr("only dense tensors"));
}

TEST(Import, InvalidGraphsAreModelErrors) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"g (float[2] x) => (float[2] y) { y = Add(x, missing) }", "missing"},
      {"g (float[2] x) => (float[2] y) { t = Relu(u) u = Relu(t) y = Add(t, x) }", "topologically"},
      {"g (float[2] x) => (float[2] y) { y = Relu(t) t = Relu(x) }", "topologically"},
      {"g (float[2] x) => (float[2] y) { y = Relu(x) y = Abs(x) }", "y"},
      {"g (float[2] x) => (float[2] y, float[2] y) { y = Relu(x) }", "listed twice"},
      {"g (float[2] x) => (float[2] y) { y = Relu(x, x) }", "Relu"},
      {"g (float[2] x) => (float[2] y) { y = Relu<wrong = 1>(x) }", "wrong"},
      {"g (float[2,3] x) => (y) <float[4,3] w> { y = MatMul(x, w) }", "MatMul"},
      {"g (int64[2] x) => (int64[2] y) { y = Sigmoid(x) }", "Sigmoid"},
      {"g (float[2] x) => (float[2] z) { y = Relu(x) }", "z"},
  };
  for (const auto& [text, expected] : cases) {
    SCOPED_TRACE(text);
    EXPECT_THAT(failure<ModelError>([&, t = text] { import_text(t); }), HasSubstr(expected));
  }
}

TEST(Import, OpsetsOutOfRangeAreRefused) {
  const auto at = [](const std::string& opset) {
    return failure<UnsupportedError>([&] {
      import_text("<ir_version: 8, opset_import: [\"\" : " + opset + "]> g (float[2] x) => (float[2] y) { y = Relu(x) }");
    });
  };
  EXPECT_THAT(at("6"), HasSubstr("opset 6 found, 7 to"));
  EXPECT_THAT(at("9999"), HasSubstr("opset 9999 found"));
}

TEST(ImportModel, MissingEmptyAndForeignFilesAreModelErrors) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "m.onnx";
  EXPECT_THAT(failure<ModelError>([&] { import_model(path); }), HasSubstr("No such file"));
  EXPECT_THAT(failure<ModelError>([&] { import_model(directory.path()); }), HasSubstr("not a regular file"));
  write_file_atomically(path, "");
  EXPECT_THAT(failure<ModelError>([&] { import_model(path); }), HasSubstr("empty"));
  write_file_atomically(path, "this is not a model at all");
  EXPECT_THAT(failure<ModelError>([&] { import_model(path); }), StartsWith("not an ONNX model"));
}

TEST(ImportModel, ErrorsNameTheFile) {
  try {
    import_model("/nowhere/m.onnx");
    FAIL() << "expected an error";
  } catch (const ModelError& e) {
    EXPECT_THAT(e.full_message(), HasSubstr("while importing '/nowhere/m.onnx'"));
  }
}

}  // namespace
}  // namespace inc::onnx_io
