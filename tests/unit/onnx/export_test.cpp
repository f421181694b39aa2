#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "core/base/file.h"
#include "core/ir/patch.h"
#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

onnx::ModelProto exported(const ir::Graph& graph, const ExportOptions& options = {}) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(export_bytes(graph, options)));
  return model;
}

std::string round_trip(const ir::Graph& graph) {
  return ir::print(import_bytes(export_bytes(graph), {}));
}

TEST(Export, RoundTripPrintsTheSame) {
  for (const char* text : {
           "g (float[N,4] x) => (float[N,3] y) <float[4,3] w, float[3] b> { t = MatMul(x, w) s = Add(t, b) y = Relu(s) }",
           "g (float[N,3,H,W] x) => (float[N,8,?,?] y) <float[8,3,3,3] w> { y = Conv<strides = [2, 2], pads = [1, 1, 1, 1], "
           "auto_pad = \"NOTSET\">(x, w) }",
           "g (float[2] x) => (float[2] y) <float high = {6.0}> { y = Clip(x, , high) }",
           "g (float[2,6] x) => (float[2,3] a, float[2,3] b) { a, b = Split<axis = 1, num_outputs = 2>(x) }",
           "g (float[2] x) => (float[2] y) { c = Constant<value = float[2] {1, 2}>() y = Add(x, c) }",
           "g (int64[3] x) => (float[3] y) { y = Cast<to = 1>(x) }",
           "g (float[2] x) => (float[2] x) { unused = Relu(x) }",
           "g (float[2] x) => (float[2] w) <float[2] w = {1, 2}> { unused = Relu(x) }",
           "g (float[2,3] x) => (float[2,3] y) <float[3] s = {0.1, 0.2, 0.3}, int8[3] z = {0, 0, 0}> { q = "
           "QuantizeLinear<axis = 1>(x, s, z) y = DequantizeLinear<axis = 1>(q, s, z) }",
       }) {
    SCOPED_TRACE(text);
    const auto graph = import_text(text);
    EXPECT_EQ(round_trip(graph), ir::print(graph));
  }
}

TEST(Export, UnusedOptionalOutputsAreLeftOut) {
  const auto model =
      exported(import_text("g (float[1,1,4,4] x) => (float[1,1,3,3] y) { y, indices = MaxPool<kernel_shape = [2, 2]>(x) }"));
  EXPECT_EQ(model.graph().node(0).output_size(), 1);
}

TEST(Export, EveryElementTypeSurvives) {
  for (const DType dtype :
       {DType::Float, DType::Double, DType::Float16, DType::BFloat16, DType::Int8, DType::UInt8, DType::Int16, DType::UInt16,
        DType::Int32, DType::UInt32, DType::Int64, DType::UInt64, DType::Bool}) {
    SCOPED_TRACE(name_of(dtype));
    ir::Graph graph;
    graph.opset = 21;
    ir::Tensor tensor(dtype, {3});
    for (std::size_t i = 0; i < tensor.bytes(); ++i)
      tensor.mutable_raw()[i] = static_cast<std::byte>(i % size_of(dtype) == 0);
    graph.add_output(graph.add_constant("c", tensor));
    const auto back = import_bytes(export_bytes(graph), {});
    EXPECT_TRUE(ir::identical(*back.constant(back.outputs().front()), tensor));
  }
}

TEST(Export, SaysWhoMadeItAndForWhichVersions) {
  ExportOptions options;
  options.metadata = {{"inc.note", "hello"}};
  const auto model = exported(
      import_text("<ir_version: 8, opset_import: [\"\" : 17]> g (float[2] x) => (float[2] y) { y = Relu(x) }"), options);
  EXPECT_EQ(model.producer_name(), "inc-cpp");
  EXPECT_EQ(model.ir_version(), 8);
  EXPECT_EQ(model.opset_import(0).version(), 17);
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).value(), "hello");
}

TEST(Export, OutputsKeepTheirPromisedNames) {
  auto graph = import_text("g (float[2] x) => (float[2] y, float[2] z) { y = Relu(x) t = Abs(x) z = Neg(t) }");
  const auto y = *graph.find_value("y"), z = *graph.find_value("z"), t = *graph.find_value("t");
  ir::Patch patch(graph, "outputs move");
  patch.replace(z, t).replace(y, t);
  graph.apply(patch);
  const auto back = import_bytes(export_bytes(graph), {});
  EXPECT_EQ(back.output_names(), (std::vector<std::string>{"y", "z"}));
  EXPECT_EQ(back.nodes().size(), 2u);
}

TEST(Export, AnOutputRewiredToAnInputGoesThroughIdentity) {
  auto graph = import_text("g (float[2] x) => (float[2] y) { y = Identity(x) }");
  ir::Patch patch(graph, "identity out");
  patch.replace(*graph.find_value("y"), *graph.find_value("x"));
  graph.apply(patch);
  const auto model = exported(graph);
  ASSERT_EQ(model.graph().node_size(), 1);
  EXPECT_EQ(model.graph().node(0).op_type(), "Identity");
  EXPECT_EQ(model.graph().output(0).name(), "y");
}

TEST(Export, AnIntermediateGivesWayToAPromisedName) {
  auto graph = import_text("g (float[2] x) => (float[2] y) { y = Relu(x) t = Neg(y) u = Abs(t) }");
  ir::Patch patch(graph, "the output moves behind its old value");
  const auto moved =
      patch.add_node({"Abs", {*graph.find_value("y")}, {}, "late", {ir::TensorType::of(DType::Float, {2})}, {"late"}});
  patch.replace(*graph.find_value("y"), moved[0]);
  graph.apply(patch);
  const auto back = import_bytes(export_bytes(graph), {});
  EXPECT_EQ(back.output_names().front(), "y");
  EXPECT_EQ(back.producer(back.outputs().front())->op, "Abs");
}

TEST(Export, OperatorsOfOtherDomainsImportTheirDomain) {
  ir::Graph graph;
  graph.opset = 17;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::Float, {2}));
  graph.add_output(
      graph.add_node({"com.microsoft.Gelu", {x}, {}, "n", {ir::TensorType::of(DType::Float, {2})}, {"y"}}).front());
  const auto model = exported(graph);
  EXPECT_EQ(model.graph().node(0).domain(), "com.microsoft");
  EXPECT_EQ(model.graph().node(0).op_type(), "Gelu");
  EXPECT_EQ(model.opset_import_size(), 2);
}

TEST(Export, OldOpsetsAreRaised) {
  ir::Graph graph;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::Float, {2}));
  graph.add_output(graph.add_node({"Relu", {x}, {}, "n", {ir::TensorType::of(DType::Float, {2})}, {"y"}}).front());
  EXPECT_EQ(exported(graph).opset_import(0).version(), kMinimumOpset);
}

TEST(Export, InternalOperatorsAndInvalidGraphsDoNotLeave) {
  const auto type = ir::TensorType::of(DType::Float, {2});
  for (const char* op : {"inc.Conv", "NoSuchOperator"}) {
    ir::Graph graph;
    graph.opset = 17;
    graph.add_output(graph.add_node({op, {graph.add_input("x", type)}, {}, "n", {type}, {"y"}}).front());
    failure<InternalError>([&] { export_bytes(graph); });
  }
}

TEST(Export, AFailedWriteLeavesTheOldFile) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "m.onnx";
  write_file_atomically(path, "old");
  const auto type = ir::TensorType::of(DType::Float, {2});
  ir::Graph graph;
  graph.add_output(graph.add_node({"NoSuchOperator", {graph.add_input("x", type)}, {}, "n", {type}, {"y"}}).front());
  failure<InternalError>([&] { export_model(graph, path); });
  EXPECT_EQ(read_file(path), "old");
}

}  // namespace
}  // namespace inc::onnx_io
