#include <gtest/gtest.h>

#include <algorithm>

#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/support/python.h"

namespace inc::onnx_io {
namespace {

class RealData : public ::testing::TestWithParam<testing::RealModel> {};

TEST_P(RealData, RoundTripPrintsTheSame) {
  INC_SHARED(path, GetParam().path);
  const auto graph = import_model(path);
  EXPECT_GE(graph.opset, kMinimumOpset);
  const testing::TemporaryDirectory directory;
  ExportOptions options;
  export_model(graph, directory.path() / "inline.onnx", options);
  EXPECT_EQ(ir::print(import_model(directory.path() / "inline.onnx")), ir::print(graph));
  options.external_data_above = 0;
  export_model(graph, directory.path() / "external.onnx", options);
  EXPECT_EQ(ir::print(import_model(directory.path() / "external.onnx")), ir::print(graph));
}

TEST_P(RealData, EveryValueHasAKnownRank) {
  INC_SHARED(path, GetParam().path);
  const auto graph = import_model(path);
  for (const auto id : graph.values()) EXPECT_TRUE(graph.value(id).type.dims.has_value()) << graph.value(id).name;
}

TEST(RealDataInOnnxruntime, OutputsAreTheSameAfterExport) {
  INC_PYTHON(interpreter);
  const testing::TemporaryDirectory directory;
  std::vector<std::string> pairs;
  for (const auto& model : testing::real_models()) {
    INC_SHARED(path, model.path);
    const auto target = directory.path() / (model.task + ".onnx");
    export_model(import_model(path), target);
    pairs.insert(pairs.end(), {path.string(), target.string()});
  }
  const auto result = testing::run_script(interpreter, "realdata/compare_outputs.py", pairs);
  EXPECT_EQ(result.status, 0) << result.output;
}

INSTANTIATE_TEST_SUITE_P(Models, RealData, ::testing::ValuesIn(testing::real_models()), [](const auto& model) {
  std::string name = model.param.task;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace inc::onnx_io
