#include "core/ir/tensor.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/ir/convert.h"
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

TEST(StoredTensor, IsReadInPartsWhereOnlyPartsAreWanted) {
  std::vector<float> values(10000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto data = std::make_shared<CountedData>(values);
  const Tensor tensor(DType::Float, {100, 100}, data);
  const auto expect_row = [&](const Tensor& from, std::size_t row) {
    const std::byte* part = from.part(400 * row, 400);
    EXPECT_EQ(std::memcmp(part, values.data() + 100 * row, 400), 0) << row;
  };
  for (const std::size_t row : {3u, 3u, 9u}) expect_row(tensor, row);
  EXPECT_EQ(data->bytes(), 4096u);
  expect_row(Tensor(tensor), 10);
  EXPECT_EQ(data->bytes(), 2 * 4096u) << "half of a row is in the next page";
  expect_row(tensor.reshaped({10000}), 99);
  EXPECT_EQ(data->bytes(), 2 * 4096u + 40000u % 4096u) << "the last page ends with the data";
  EXPECT_EQ(tensor.to_floats(), values);
  const int reads = data->reads();
  expect_row(tensor, 50);
  EXPECT_EQ(data->reads(), reads) << "all of it is there now";
  expect_row(Tensor::of<float>({100, 100}, values), 7);
}

TEST(StoredTensor, IsReadByRows) {
  constexpr std::int64_t kCount = 1301, kRow = 1500;  // 7.8 MB
  std::vector<float> values(kCount * kRow);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto data = std::make_shared<CountedData>(values);
  for (const std::int64_t multiple : {1, 32, 4096}) {
    std::int64_t next = 0;
    for_rows(Tensor(DType::Float, {kCount, 3, kRow / 3}, data), multiple, [&](const Tensor& rows, std::int64_t first) {
      EXPECT_EQ(first, next);
      EXPECT_EQ(first % multiple, 0);
      ASSERT_EQ(rows.shape(), (Shape{rows.shape()[0], 3, kRow / 3}));
      EXPECT_EQ(std::memcmp(rows.raw(), values.data() + first * kRow, rows.bytes()), 0);
      next += rows.shape()[0];
    });
    EXPECT_EQ(next, kCount);
  }
  EXPECT_EQ(data->reads(), 2 + 2 + 1) << "in halves, unless so many rows are wanted at once";
  int calls = 0;
  for_rows(Tensor::of<float>({kCount, kRow}, values), 1, [&](const Tensor& rows, std::int64_t first) {
    EXPECT_EQ(rows.shape()[0] + first, kCount) << "in memory: all at once";
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(StoredTensor, IsConvertedWhenItIsAskedFor) {
  std::vector<float> values(5000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0f + static_cast<float>(i) / 777;
  const auto data = std::make_shared<CountedData>(values);
  const Tensor stored(DType::Float, {50, 100}, data), half = converted(stored, DType::BFloat16);
  const Tensor expected = converted(Tensor::of<float>({50, 100}, values), DType::BFloat16);
  EXPECT_EQ(data->reads(), 0);
  EXPECT_EQ(half.dtype(), DType::BFloat16);
  EXPECT_EQ(std::memcmp(half.part(200 * 30, 200), expected.raw() + 200 * 30, 200), 0);
  EXPECT_EQ(data->bytes(), 8192u) << "of a page, twice as wide";
  EXPECT_TRUE(identical(half, expected));
  EXPECT_EQ(expected.values<BFloat16>()[4999], BFloat16(values[4999]));
  EXPECT_EQ(data->bytes(), 8192u + 20000u) << "nothing is kept of either";
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
