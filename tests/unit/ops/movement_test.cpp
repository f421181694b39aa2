#include <gtest/gtest.h>

#include <array>

#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

using ir::Tensor;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

Tensor ints(const Ints& values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}
Tensor counting(ir::Shape shape) {
  Floats values;
  for (std::int64_t i = 0; i < ir::element_count(shape); ++i) values.push_back(static_cast<float>(i));
  return Tensor::of(std::move(shape), values);
}

TEST(Reshape, CopiesZerosAndFillsTheOpenDimension) {
  EXPECT_EQ(run_op("Reshape", {counting({2, 3, 4}), ints({0, -1})})[0].shape(), (ir::Shape{2, 12}));
  EXPECT_EQ(run_op("Reshape", {counting({0, 3}), ints({3, 0})}, {{"allowzero", std::int64_t{1}}})[0].shape(),
            (ir::Shape{3, 0}));
  EXPECT_THROW(run_op("Reshape", {counting({2, 3}), ints({-1, -1})}), ModelError);
  EXPECT_THROW(run_op("Reshape", {counting({2, 3}), ints({4, -1})}), ModelError);
  EXPECT_THROW(run_op("Reshape", {counting({2, 3}), ints({7})}), ModelError);
  EXPECT_THROW(run_op("Reshape", {counting({2}), ints({1, 0})}), ModelError);
}

TEST(Reshape, NeedsTheValueOfItsShape) {
  const std::array<ops::Spec, 2> specs = {ops::Spec{DType::Float, {2, 3}, nullptr, true},
                                          ops::Spec{DType::Int64, {1}, nullptr, true}};
  EXPECT_THROW(ops::infer(op_node("Reshape", 2), specs, 21), ModelError);
  EXPECT_EQ(ops::info("Reshape").value_inputs, 2u);
}

TEST(Squeeze, TakesAxesFromInputOrAttribute) {
  EXPECT_EQ(run_op("Squeeze", {counting({1, 2, 1})})[0].shape(), ir::Shape{2});
  EXPECT_EQ(run_op("Squeeze", {counting({1, 2, 1}), ints({-1})})[0].shape(), (ir::Shape{1, 2}));
  EXPECT_EQ(run_op("Squeeze", {counting({1, 2, 1})}, {{"axes", Ints{0}}}, 1, 11)[0].shape(), (ir::Shape{2, 1}));
  EXPECT_THROW(run_op("Squeeze", {counting({1, 2}), ints({1})}), ModelError);
  EXPECT_EQ(run_op("Unsqueeze", {counting({2}), ints({-1, 0})})[0].shape(), (ir::Shape{1, 2, 1}));
}

TEST(Transpose, ReversesByDefault) {
  EXPECT_EQ(list<float>(run_op("Transpose", {counting({2, 3})})[0]), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(list<float>(run_op("Transpose", {counting({2, 1, 3})}, {{"perm", Ints{2, 0, 1}}})[0]),
            (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_THROW(run_op("Transpose", {counting({2, 3})}, {{"perm", Ints{0, 0}}}), ModelError);
  EXPECT_THROW(run_op("Transpose", {counting({2, 3})}, {{"perm", Ints{0}}}), ModelError);
}

TEST(DepthToSpace, IsUndoneBySpaceToDepth) {
  const Tensor x = counting({1, 8, 2, 3});
  const auto space = run_op("DepthToSpace", {x}, {{"blocksize", std::int64_t{2}}});
  EXPECT_EQ(space[0].shape(), (ir::Shape{1, 2, 4, 6}));
  EXPECT_TRUE(ir::identical(run_op("SpaceToDepth", space, {{"blocksize", std::int64_t{2}}})[0], x));
}

TEST(Expand, RepeatsAsTileDoes) {
  EXPECT_EQ(list<float>(run_op("Expand", {counting({2, 1}), ints({2})})[0]), (Floats{0, 0, 1, 1}));
  EXPECT_EQ(list<float>(run_op("Tile", {counting({1, 2}), ints({2, 2})})[0]), (Floats{0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST(Expand, ToAnImpossibleShapeIsRefusedBeforeAnythingIsAllocated) {
  const Tensor x = counting({1, 1});
  for (const auto& shape : {ints({3, -1}), ints({std::int64_t{1} << 30, std::int64_t{1} << 30}), ints({INT64_MAX, 4})}) {
    const std::vector<ops::Spec> specs{{x.dtype(), x.shape(), nullptr, true}, {shape.dtype(), shape.shape(), &shape, true}};
    EXPECT_THROW(ops::infer(op_node("Expand", 2), specs, 21), ModelError);
  }
}

TEST(Concat, RefusesShapesThatDifferElsewhere) {
  EXPECT_EQ(list<float>(run_op("Concat", {counting({2, 1}), counting({2, 2})}, {{"axis", std::int64_t{-1}}})[0]),
            (Floats{0, 0, 1, 1, 2, 3}));
  EXPECT_THROW(run_op("Concat", {counting({2, 1}), counting({3, 2})}, {{"axis", std::int64_t{1}}}), ModelError);
  EXPECT_THROW(run_op("Concat", {counting({2}), Tensor::of<std::int64_t>({1}, {1})}, {{"axis", std::int64_t{0}}}),
               ModelError);
}

TEST(Split, GivesTheLastPartTheRest) {
  const auto parts = run_op("Split", {counting({5})}, {{"num_outputs", std::int64_t{2}}}, 2);
  EXPECT_EQ(list<float>(parts[0]), (Floats{0, 1, 2}));
  EXPECT_EQ(list<float>(parts[1]), (Floats{3, 4}));
  EXPECT_THROW(run_op("Split", {counting({5})}, {}, 2, 13), ModelError);
  EXPECT_THROW(run_op("Split", {counting({5}), ints({2, 2})}, {}, 2), ModelError);
}

TEST(Slice, ClampsAndWalksBackwards) {
  const auto slice = [](Ints starts, Ints ends, Ints steps) {
    return list<float>(run_op("Slice", {counting({5}), ints(starts), ints(ends), ints({0}), ints(steps)})[0]);
  };
  EXPECT_EQ(slice({1}, {100}, {2}), (Floats{1, 3}));
  EXPECT_EQ(slice({-1}, {-100}, {-2}), (Floats{4, 2, 0}));
  EXPECT_EQ(slice({-2}, {INT64_MAX}, {1}), (Floats{3, 4}));
  EXPECT_EQ(slice({4}, {INT64_MIN}, {INT64_MIN}), Floats{4});
  EXPECT_EQ(slice({3}, {1}, {1}), Floats{});
  EXPECT_THROW(slice({0}, {1}, {0}), ModelError);
}

TEST(Gather, CountsNegativeIndicesFromTheEndAndRefusesOthers) {
  EXPECT_EQ(list<float>(run_op("Gather", {counting({3, 2}), ints({-1, 0})})[0]), (Floats{4, 5, 0, 1}));
  EXPECT_THROW(run_op("Gather", {counting({3, 2}), ints({3})}), ModelError);
  EXPECT_THROW(run_op("GatherND", {counting({3, 2}), Tensor::of<std::int64_t>({1, 2}, {0, 2})}), ModelError);
  EXPECT_THROW(run_op("GatherElements", {counting({3}), ints({-4})}), ModelError);
  EXPECT_EQ(list<float>(run_op("GatherElements", {counting({2, 2}), Tensor::of<std::int64_t>({2, 1}, {1, 0})},
                               {{"axis", std::int64_t{1}}})[0]),
            (Floats{1, 2}));
}

TEST(OneHot, LeavesRowsOfUnknownIndicesOff) {
  EXPECT_EQ(
      list<float>(run_op("OneHot", {ints({1, -1, 7}), Tensor::scalar<std::int64_t>(3), Tensor::of<float>({2}, {5, 9})})[0]),
      (Floats{5, 9, 5, 5, 5, 9, 5, 5, 5}));
}

TEST(Scatter, ReducesInOrder) {
  const Tensor data = Tensor::of<float>({3}, {1, 2, 3}), updates = Tensor::of<float>({2}, {10, 20});
  EXPECT_EQ(list<float>(run_op("ScatterElements", {data, ints({1, 1}), updates})[0]), (Floats{1, 20, 3}));
  EXPECT_EQ(list<float>(run_op("ScatterElements", {data, ints({1, 1}), updates}, {{"reduction", std::string("add")}})[0]),
            (Floats{1, 32, 3}));
  EXPECT_EQ(list<float>(run_op("ScatterND", {data, Tensor::of<std::int64_t>({2, 1}, {0, -1}), updates},
                               {{"reduction", std::string("max")}})[0]),
            (Floats{10, 2, 20}));
  EXPECT_THROW(run_op("ScatterElements", {data, ints({3, 1}), updates}), ModelError);
  EXPECT_THROW(run_op("ScatterND", {data, ints({0, 0}), updates}), ModelError);
  EXPECT_THROW(run_op("ScatterND", {data, ints({0}), updates}, {{"reduction", std::string("mean")}}), UnsupportedError);
}

TEST(Pad, KnowsItsModes) {
  const auto pad = [](const std::string& mode, Ints pads) {
    return list<float>(run_op("Pad", {counting({3}), ints(pads)}, {{"mode", mode}})[0]);
  };
  EXPECT_EQ(pad("constant", {1, 2}), (Floats{0, 0, 1, 2, 0, 0}));
  EXPECT_EQ(pad("reflect", {2, 2}), (Floats{2, 1, 0, 1, 2, 1, 0}));
  EXPECT_EQ(pad("edge", {2, 1}), (Floats{0, 0, 0, 1, 2, 2}));
  EXPECT_EQ(pad("wrap", {1, 4}), (Floats{2, 0, 1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(pad("constant", {-1, 1}), (Floats{1, 2, 0}));
  EXPECT_THROW(pad("mirror", {1, 1}), ModelError);
  EXPECT_THROW(pad("constant", {-2, -2}), ModelError);
  EXPECT_EQ(list<float>(run_op("Pad", {counting({1, 2}), ints({1, 0}), Tensor::scalar(7.0f), ints({1})})[0]),
            (Floats{7, 0, 1}));
}

TEST(Resize, NearestAndLinear) {
  const Tensor x = counting({1, 1, 1, 2}), none{}, scales = Tensor::of<float>({4}, {1, 1, 1, 2});
  EXPECT_EQ(list<float>(run_op("Resize", {x, none, scales})[0]), (Floats{0, 0, 1, 1}));
  EXPECT_EQ(list<float>(run_op("Resize", {x, none, scales}, {{"mode", std::string("linear")}})[0]),
            (Floats{0, 0.25f, 0.75f, 1}));
  const auto corners =
      run_op("Resize", {x, none, none, ints({1, 1, 1, 3})},
             {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}});
  EXPECT_EQ(list<float>(corners[0]), (Floats{0, 0.5f, 1}));
  EXPECT_EQ(run_op("Resize", {counting({1, 1, 2, 4}), none, none, ints({3, 3})},
                   {{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", std::string("not_larger")}})[0]
                .shape(),
            (ir::Shape{1, 1, 2, 3}));
  EXPECT_THROW(run_op("Resize", {x, none, Tensor::of<float>({4}, {1, 1, 1, -2})}), ModelError);
  EXPECT_THROW(run_op("Resize", {x, none, none, none}), ModelError);
  EXPECT_THROW(run_op("Resize", {x, none, scales}, {{"mode", std::string("lanczos")}}), UnsupportedError);
}

TEST(Resize, IntegersSaturate) {
  const Tensor x = Tensor::of<std::uint8_t>({1, 1, 1, 4}, {255, 255, 0, 0});
  const auto y = run_op("Resize", {x, Tensor{}, Tensor::of<float>({4}, {1, 1, 1, 2})}, {{"mode", std::string("cubic")}})[0];
  EXPECT_EQ(y.data<std::uint8_t>()[2], 255);
}

TEST(Compress, TakesFlatWithoutAnAxis) {
  const Tensor flags = Tensor::of<bool>({3}, {false, true, true});
  EXPECT_EQ(list<float>(run_op("Compress", {counting({2, 3}), flags})[0]), (Floats{1, 2}));
  EXPECT_EQ(list<float>(run_op("Compress", {counting({2, 3}), flags}, {{"axis", std::int64_t{1}}})[0]),
            (Floats{1, 2, 4, 5}));
}

TEST(Unique, KeepsFirstPlacesUnsorted) {
  const auto y = run_op("Unique", {Tensor::of<float>({4}, {3, 1, 3, 2})}, {{"sorted", std::int64_t{0}}}, 4);
  EXPECT_EQ(list<float>(y[0]), (Floats{3, 1, 2}));
  EXPECT_EQ(list<std::int64_t>(y[1]), (Ints{0, 1, 3}));
  EXPECT_EQ(list<std::int64_t>(y[2]), (Ints{0, 1, 0, 2}));
  EXPECT_EQ(list<std::int64_t>(y[3]), (Ints{2, 1, 1}));
}

TEST(NonMaxSuppression, KeepsTheBestOfOverlappingBoxes) {
  const Tensor boxes = Tensor::of<float>({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 5, 1, 6}),
               scores = Tensor::of<float>({1, 1, 3}, {0.5f, 0.9f, 0.7f});
  const auto y = run_op("NonMaxSuppression", {boxes, scores, Tensor::scalar<std::int64_t>(9), Tensor::scalar(0.5f)})[0];
  EXPECT_EQ(list<std::int64_t>(y), (Ints{0, 0, 1, 0, 0, 2}));
  EXPECT_EQ(run_op("NonMaxSuppression", {boxes, scores})[0].shape(), (ir::Shape{0, 3}));
}

TEST(Trilu, TakesAnyDiagonal) {
  EXPECT_EQ(list<float>(run_op("Trilu", {counting({2, 2})}, {{"upper", std::int64_t{0}}})[0]), (Floats{0, 0, 2, 3}));
  EXPECT_EQ(list<float>(run_op("Trilu", {counting({2, 2}), Tensor::scalar<std::int64_t>(INT64_MAX)})[0]),
            (Floats{0, 0, 0, 0}));
}

TEST(ReverseSequence, RefusesLengthsBeyondTheAxis) {
  EXPECT_EQ(list<float>(run_op("ReverseSequence", {counting({3, 2}), ints({2, 1})})[0]), (Floats{2, 1, 0, 3, 4, 5}));
  EXPECT_THROW(run_op("ReverseSequence", {counting({3, 2}), ints({4, 1})}), ModelError);
}

TEST(CenterCropPad, KeepsTheMiddle) {
  EXPECT_EQ(list<float>(run_op("CenterCropPad", {counting({5}), ints({2})})[0]), (Floats{1, 2}));
  EXPECT_EQ(list<float>(run_op("CenterCropPad", {counting({2}), ints({5})})[0]), (Floats{0, 0, 1, 0, 0}));
}

TEST(GridSample, ReadsBetweenPixelsAndZerosOutside) {
  const Tensor x = Tensor::of<float>({1, 1, 2, 2}, {1, 2, 3, 4}), grid = Tensor::of<float>({1, 1, 3, 2}, {0, 0, 1, 1, 5, 5});
  EXPECT_EQ(list<float>(run_op("GridSample", {x, grid}, {{"align_corners", std::int64_t{1}}})[0]), (Floats{2.5f, 4, 0}));
}

TEST(Col2Im, AddsOverlaps) {
  const Tensor columns = Tensor::of<float>({1, 2, 2}, {1, 2, 10, 20});
  EXPECT_EQ(list<float>(run_op("Col2Im", {columns, ints({3}), ints({2})})[0]), (Floats{1, 12, 20}));
}

template <class T>
void carries(T one, T zero) {
  const Tensor x = Tensor::of<T>({2}, {one, zero});
  const auto y = run_op("Transpose", run_op("Concat", {x, x}, {{"axis", std::int64_t{0}}}))[0];
  EXPECT_EQ(list<T>(y), (std::vector<T>{one, zero, one, zero}));
}

TEST(Movement, CarriesEveryElementType) {
  carries(true, false);
  carries(Float16(1), Float16(0));
  carries(BFloat16(1), BFloat16(0));
  carries<std::int8_t>(1, 0);
  carries<std::uint16_t>(1, 0);
  carries<double>(1, 0);
  carries<std::uint64_t>(1, 0);
}

}  // namespace
}  // namespace inc::testing
