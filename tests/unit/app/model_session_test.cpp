#include "app/model_session.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "core/base/error.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"

namespace inc {
namespace {

using namespace inc::testing;

constexpr const char* kSumAndProduct =
    R"(g (float[N,3] a, float[N,3] b) => (float[N,3] sum, float[N,3] product) { sum = Add(a, b)  product = Mul(a, b) })";

std::string bytes() {
  return onnx_io::export_bytes(onnx_io::import_text(kSumAndProduct));
}

Session::Feeds feeds() {
  return {{"a", ir::Tensor::of<float>({1, 3}, {1, 2, 3})}, {"b", ir::Tensor::of<float>({1, 3}, {4, 5, 6})}};
}

std::vector<float> values(const ir::Tensor& tensor) {
  return tensor.to_floats();
}

TEST(ModelSession, DescribesInputsAndOutputsInOrder) {
  const Session session = Session::from_bytes(bytes());
  ASSERT_EQ(session.inputs().size(), 2U);
  EXPECT_EQ(session.inputs()[0].name, "a");
  EXPECT_EQ(session.inputs()[1].type.to_string(), "float[N,3]");
  ASSERT_EQ(session.outputs().size(), 2U);
  EXPECT_EQ(session.outputs()[1].name, "product");
}

TEST(ModelSession, ReturnsWhatIsWantedInThatOrder) {
  const Session session = Session::from_bytes(bytes());
  const auto wanted = session.run(feeds(), {"product", "sum"});
  ASSERT_EQ(wanted.size(), 2U);
  EXPECT_EQ(values(wanted[0]), (std::vector<float>{4, 10, 18}));
  EXPECT_EQ(values(wanted[1]), (std::vector<float>{5, 7, 9}));
  EXPECT_EQ(values(session.run(feeds())[0]), (std::vector<float>{5, 7, 9}));
}

TEST(ModelSession, ReadsFiles) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.onnx";
  std::ofstream(path, std::ios::binary) << bytes();
  EXPECT_EQ(values(Session(path, "reference").run(feeds(), {"sum"})[0]), (std::vector<float>{5, 7, 9}));
  EXPECT_THROW(Session(directory.path() / "none.onnx"), ModelError);
  EXPECT_THROW(Session(path, "none"), ConfigError);
}

TEST(ModelSession, RefusesFeedsThatDoNotFit) {
  const Session session = Session::from_bytes(bytes());
  Session::Feeds given = feeds();
  EXPECT_THROW(session.run(given, {"difference"}), DataError);
  given["c"] = given["a"];
  EXPECT_THROW(session.run(given), DataError);
  given.erase("c");
  given["a"] = ir::Tensor::of<float>({1, 2}, {1, 2});
  EXPECT_THROW(session.run(given), DataError);
  given["a"] = ir::Tensor::of<double>({1, 3}, {1, 2, 3});
  EXPECT_THROW(session.run(given), DataError);
  given.erase("a");
  EXPECT_THROW(session.run(given), DataError);
}

TEST(ModelSession, CopiesShareWhatWasPrepared) {
  std::vector<float> found;
  {
    const Session session = Session::from_bytes(bytes());
    std::thread([copy = session, &found] { found = values(copy.run(feeds(), {"sum"})[0]); }).join();
  }
  EXPECT_EQ(found, (std::vector<float>{5, 7, 9}));
}

}  // namespace
}  // namespace inc
