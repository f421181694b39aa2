#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <functional>

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

constexpr const char* kConvNet = R"(<ir_version: 8, opset_import: ["" : 17]>
  net (float[N,3,8,8] x) => (float[N,10] y) <float[4,3,3,3] w, float[4] b, float[4,10] v, int64[2] flat = {0, -1}, float high = {6.0}> {
    c = Conv<pads = [1, 1, 1, 1], strides = [1, 1]>(x, w, b)
    r = Clip(c, , high)
    p = GlobalAveragePool(r)
    f = Reshape(p, flat)
    s = Softmax<axis = 1>(f)
    y = MatMul(s, v) })";

constexpr const char* kOldNet = R"(<ir_version: 3, opset_import: ["" : 8]>
  net (float[1,1,8,8] x, float[2,1,3,3] w) => (y) <float[2,1,3,3] w> {
    c = Conv<auto_pad = "SAME_UPPER">(x, w)
    p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(c)
    q = Squeeze<axes = [0]>(p)
    y = Softmax(q) })";

/// Whatever the bytes are, the outcome is a graph that verifies or a typed error.
void expect_civil(const std::string& bytes) {
  try {
    const auto graph = import_bytes(bytes, {});
    graph.verify();
    ir::print(graph);
    export_bytes(graph);
  } catch (const ModelError&) {
  } catch (const std::exception& e) {
    ADD_FAILURE() << "neither a graph nor a ModelError: " << e.what();
  }
}

std::string serialized_old_net() {
  onnx::ModelProto model;
  model.ParseFromString(export_bytes(import_text(kOldNet)));
  model.mutable_opset_import(0)->set_version(8);
  auto& graph = *model.mutable_graph();
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() != "Squeeze") continue;
    node.mutable_input()->RemoveLast();
    auto* axes = node.add_attribute();
    axes->set_name("axes");
    axes->set_type(onnx::AttributeProto::INTS);
    axes->add_ints(0);
  }
  return model.SerializeAsString();
}

TEST(Hostile, TruncationAnywhereIsCivil) {
  for (const std::string& whole : {export_bytes(import_text(kConvNet)), serialized_old_net()}) {
    const std::size_t step = std::max<std::size_t>(1, whole.size() / 150);
    for (std::size_t length = 0; length < whole.size(); length += step) expect_civil(whole.substr(0, length));
  }
}

TEST(Hostile, TruncatedFilesAreModelErrors) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "m.onnx";
  const std::string whole = export_bytes(import_text(kConvNet));
  write_file_atomically(path, whole.substr(0, whole.size() / 2));
  failure<ModelError>([&] { import_model(path); });
}

TEST(Hostile, FlippedBytesAreCivil) {
  for (const std::string& whole : {export_bytes(import_text(kConvNet)), serialized_old_net()}) {
    for (std::uint64_t seed = 0; seed < 250; ++seed) {
      SCOPED_TRACE(seed);
      Rng rng(seed);
      std::string bytes = whole;
      const std::uint64_t flips = 1 + rng.below(4);
      for (std::uint64_t i = 0; i < flips; ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
      expect_civil(bytes);
    }
  }
}

onnx::TensorProto& weight(onnx::ModelProto& model) {
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.name() == "w") return tensor;
  throw InternalError("no weight");
}

TEST(Hostile, StructuralLiesAreModelErrors) {
  using Lie = std::function<void(onnx::ModelProto&)>;
  const std::vector<std::pair<const char*, Lie>> lies{
      {"negative dimension", [](auto& m) { weight(m).set_dims(0, -4); }},
      {"huge dimension", [](auto& m) { weight(m).set_dims(0, std::int64_t{1} << 62); }},
      {"overflowing dimensions",
       [](auto& m) {
         for (int i = 0; i < 4; ++i) weight(m).set_dims(i, std::int64_t{1} << 33);
       }},
      {"short data", [](auto& m) { weight(m).mutable_raw_data()->resize(7); }},
      {"long data", [](auto& m) { weight(m).mutable_raw_data()->resize(70000); }},
      {"unknown element type", [](auto& m) { weight(m).set_data_type(77); }},
      {"nameless initializer", [](auto& m) { weight(m).set_name(""); }},
      {"twin initializers", [](auto& m) { *m.mutable_graph()->add_initializer() = weight(m); }},
      {"nameless input", [](auto& m) { m.mutable_graph()->mutable_input(0)->set_name(""); }},
      {"untyped input", [](auto& m) { m.mutable_graph()->mutable_input(0)->clear_type(); }},
      {"nameless output", [](auto& m) { m.mutable_graph()->mutable_output(0)->set_name(""); }},
      {"no outputs of a node", [](auto& m) { m.mutable_graph()->mutable_node(0)->clear_output(); }},
      {"no operator type", [](auto& m) { m.mutable_graph()->mutable_node(0)->clear_op_type(); }},
      {"reading itself", [](auto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, m.graph().node(0).output(0)); }},
      {"no opset", [](auto& m) { m.clear_opset_import(); }},
      {"two opsets",
       [](auto& m) {
         auto* e = m.add_opset_import();
         e->set_domain("ai.onnx");
         e->set_version(11);
       }},
      {"undeclared domain", [](auto& m) { m.mutable_graph()->mutable_node(0)->set_domain("com.acme"); }},
      {"initializer over a node output", [](auto& m) { weight(m).set_name(m.graph().node(0).output(0)); }},
      {"name that is not text", [](auto& m) { m.mutable_graph()->mutable_input(0)->set_name("\xff\xfe"); }},
      {"no graph", [](auto& m) { m.clear_graph(); }},
      {"future IR version", [](auto& m) { m.set_ir_version(1000); }},
      {"negative IR version", [](auto& m) { m.set_ir_version(-1); }},
      {"Constant without a value",
       [](auto& m) {
         auto* node = m.mutable_graph()->add_node();
         node->set_op_type("Constant");
         node->add_output("k");
       }},
      {"Constant named as an input",
       [](auto& m) {
         auto* node = m.mutable_graph()->add_node();
         node->set_op_type("Constant");
         node->add_output("x");
         auto* attribute = node->add_attribute();
         attribute->set_name("value_int");
         attribute->set_type(onnx::AttributeProto::INT);
       }},
      {"attribute of another kind",
       [](auto& m) { m.mutable_graph()->mutable_node(0)->mutable_attribute(0)->set_type(onnx::AttributeProto::STRING); }},
  };
  const std::string whole = export_bytes(import_text(kConvNet));
  for (const auto& [what, lie] : lies) {
    SCOPED_TRACE(what);
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(whole));
    lie(model);
    failure<ModelError>([&, bytes = model.SerializePartialAsString()] { import_bytes(bytes, {}); });
  }
}

TEST(Hostile, NegativeInputDimensionsMeanUnknown) {
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(export_bytes(import_text(kConvNet))));
  model.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(-1);
  const auto graph = import_bytes(model.SerializeAsString(), {});
  EXPECT_EQ(graph.value(graph.inputs().front()).type.to_string(), "float[?,3,8,8]");
}

TEST(Hostile, TypedFieldsAreReadAndChecked) {
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(
      export_bytes(import_text("g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"))));
  auto& tensor = *model.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.add_float_data(3);
  failure<ModelError>([&] { import_bytes(model.SerializeAsString(), {}); });
  tensor.add_float_data(4);
  const auto graph = import_bytes(model.SerializeAsString(), {});
  EXPECT_EQ(graph.constant(*graph.find_value("w"))->to_floats(), (std::vector<float>{3, 4}));
}

}  // namespace
}  // namespace inc::onnx_io
