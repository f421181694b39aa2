#include <gmock/gmock.h>

#include <fstream>

#include "core/eval/factory.h"
#include "tests/support/models.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::ElementsAre;

#define SHARED_OR_SKIP(variable, relative)              \
  const auto variable = inc::testing::shared(relative); \
  if (!variable) GTEST_SKIP() << "no shared " << relative

TEST(RealData, Cifar10ItemsEqualTheirRecords) {
  SHARED_OR_SKIP(root, "realdata/cifar10");
  const auto data = make_dataset(
      loader(named("CIFAR10", {{"root", text(root->string())}}),
             {named("Rescale"),
              named("Normalize", {{"mean", numbers({0.485, 0.456, 0.406})}, {"std", numbers({0.229, 0.224, 0.225})}}),
              named("Transpose", {{"perm", integers({2, 0, 1})}})}),
      "/");
  ASSERT_EQ(data->size(), 5000);
  std::ifstream file(*root / "test_batch.bin", std::ios::binary);
  std::string record(3073, '\0');
  file.seekg(4321 * 3073);
  file.read(record.data(), 3073);
  const Sample sample = data->get(4321);
  EXPECT_THAT(sample.inputs[0].shape(), ElementsAre(3, 32, 32));
  EXPECT_EQ(sample.label.to_int64s()[0], record[0]);
  const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
  for (std::size_t i = 0; i < 3072; ++i) {
    const auto byte = static_cast<float>(static_cast<unsigned char>(record[i + 1]));
    ASSERT_EQ(list<float>(sample.inputs[0])[i], (byte / 255.0f - mean[i / 1024]) / deviation[i / 1024]) << i;
  }
}

TEST(RealData, ImagenetCropsAreCentredAndWithinRange) {
  SHARED_OR_SKIP(root, "realdata/imagenet");
  const auto data = make_dataset(loader(named("ImagenetRaw", {{"data_path", text(root->string())}, {"count", integer(20)}}),
                                        {named("CenterCrop", integer(224)), named("Rescale"),
                                         named("Normalize", {{"mean", numbers({0.5})}, {"std", numbers({0.5})}}),
                                         named("Transpose", integers({2, 0, 1}))}),
                                 "/");
  ASSERT_EQ(data->size(), 20);
  for (std::int64_t i = 0; i < data->size(); ++i) {
    const Sample sample = data->get(i);
    EXPECT_THAT(sample.inputs[0].shape(), ElementsAre(3, 224, 224));
    for (const float v : sample.inputs[0].values<float>()) ASSERT_TRUE(v >= -1.0f && v <= 1.0f);
  }
}

TEST(RealData, MnistIsReadThroughGzip) {
  SHARED_OR_SKIP(root, "realdata/mnist");
  const auto data = make_dataset(loader(named("MNIST", {{"root", text(root->string())}})), "/");
  ASSERT_EQ(data->size(), 10000);
  EXPECT_THAT(data->get(9999).inputs[0].shape(), ElementsAre(28, 28, 1));
}

TEST(RealData, ArraysAreUsedAsTheyAre) {
  SHARED_OR_SKIP(root, "realdata");
  const auto data = make_dataset(loader(named("Arrays", {{"inputs", map({{"bytes", text("magika/features.npy")}})},
                                                         {"labels", text("magika/labels.npy")}})),
                                 *root);
  ASSERT_EQ(data->size(), 591);
  EXPECT_EQ(data->get(590).inputs[0].dtype(), DType::Int32);
  EXPECT_THAT(data->get(590).inputs[0].shape(), ElementsAre(2048));
}

}  // namespace
}  // namespace inc::eval
