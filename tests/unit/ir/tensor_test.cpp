#include "core/ir/tensor.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/stored.h"

namespace inc::ir {
namespace {

using testing::CountedData;

const std::vector<float> kValues{1, -2, 3, 4, 5, -6};

TEST(StoredTensor, IsReadOnceWhenItsDataIsAskedFor) {
  const auto data = std::make_shared<CountedData>(kValues);
  const Tensor tensor(DType::Float, {2, 3}, data);
  const Tensor copy = tensor, other_shape = tensor.reshaped({6});
  EXPECT_EQ(tensor.bytes(), 24u);
  EXPECT_TRUE(tensor.defined());
  EXPECT_EQ(data->reads(), 0);
  EXPECT_EQ(tensor.to_floats(), kValues);
  EXPECT_EQ(copy.to_floats(), kValues);
  EXPECT_EQ(other_shape.to_floats(), kValues);
  EXPECT_EQ(copy.raw(), tensor.raw());
  EXPECT_EQ(data->reads(), 1);
}

TEST(StoredTensor, IsForgottenWhereItWasOnlyAtHand) {
  const auto data = std::make_shared<CountedData>(kValues);
  const Tensor tensor(DType::Float, {6}, data);
  EXPECT_EQ(tensor.at_hand().to_floats(), kValues);
  EXPECT_EQ(tensor.at_hand().to_floats(), kValues);
  EXPECT_EQ(data->reads(), 2);
  EXPECT_EQ(tensor.to_floats(), kValues);
  EXPECT_EQ(tensor.at_hand().raw(), tensor.raw());
  EXPECT_EQ(data->reads(), 3);
}

TEST(StoredTensor, HasTheHashOfItsContent) {
  const auto data = std::make_shared<CountedData>(kValues);
  const Tensor tensor(DType::Float, {2, 3}, data);
  const Tensor plain = Tensor::of<float>({2, 3}, kValues);
  EXPECT_EQ(tensor.content_hash(), plain.content_hash());
  EXPECT_EQ(Tensor(tensor).content_hash(), plain.content_hash());
  EXPECT_EQ(data->reads(), 1);
  EXPECT_EQ(tensor.reshaped({6}).content_hash(), plain.reshaped({6}).content_hash());
  EXPECT_TRUE(identical(tensor, plain));
  EXPECT_FALSE(identical(tensor, Tensor::of<float>({2, 3}, {1, -2, 3, 4, 5, 6})));
}

}  // namespace
}  // namespace inc::ir
