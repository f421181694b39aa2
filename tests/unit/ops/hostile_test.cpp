// Every operator on random forms: a result or an Error, never anything else. Meant for the sanitizer builds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/rng.h"
#include "core/ops/support.h"
#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

constexpr std::int64_t kFar = std::int64_t{1} << 62;

template <class T>
T pick(Rng& rng, const std::vector<T>& items) {
  return items[static_cast<std::size_t>(rng.below(items.size()))];
}

std::int64_t number(Rng& rng) {
  if (rng.below(20) == 0)
    return pick<std::int64_t>(rng, {kFar, -kFar, INT64_MAX, INT64_MIN, std::int64_t{1} << 41, -(std::int64_t{1} << 41)});
  return static_cast<std::int64_t>(rng.below(6)) - 1;
}

ir::Tensor value(Rng& rng, DType dtype) {
  ir::Shape shape(rng.below(5));
  for (auto& dim : shape) dim = rng.below(8) == 0 ? 0 : static_cast<std::int64_t>(rng.below(3)) + 1;
  ir::Tensor doubles(DType::Double, shape);
  for (std::int64_t i = 0; i < doubles.count(); ++i)
    doubles.mutable_data<double>()[i] = rng.below(50) == 0 ? pick<double>(rng, {NAN, INFINITY, -INFINITY, 1e30})
                                                           : static_cast<double>(rng.below(50)) / 10 - 1;
  if (dtype != DType::Int64) return ops::cast(doubles, dtype);
  ir::Tensor out(dtype, shape);
  for (std::int64_t i = 0; i < out.count(); ++i) out.mutable_data<std::int64_t>()[i] = number(rng);
  return out;
}

const std::vector<std::string> kIntegers = {"axis",
                                            "group",
                                            "ceil_mode",
                                            "count_include_pad",
                                            "transA",
                                            "transB",
                                            "blocksize",
                                            "keepdims",
                                            "batch_dims",
                                            "to",
                                            "p",
                                            "storage_order",
                                            "allowzero",
                                            "num_outputs",
                                            "antialias",
                                            "exclude_outside",
                                            "block_size",
                                            "output_dtype",
                                            "batch_axis",
                                            "time_axis",
                                            "upper",
                                            "sorted",
                                            "align_corners",
                                            "output_height",
                                            "output_width",
                                            "sampling_ratio",
                                            "hidden_size",
                                            "layout",
                                            "q_num_heads",
                                            "kv_num_heads",
                                            "is_causal",
                                            "num_heads",
                                            "interleaved",
                                            "offset_group",
                                            "rotary_embedding_dim",
                                            "exclusive",
                                            "reverse",
                                            "largest",
                                            "fmod",
                                            "size",
                                            "stash_type",
                                            "num_groups",
                                            "k",
                                            "dtype"};
const std::vector<std::string> kLists = {"axes",           "perm",         "kernel_shape", "pads",   "strides", "dilations",
                                         "output_padding", "output_shape", "split",        "starts", "ends"};
const std::vector<std::string> kReals = {
    "alpha", "beta", "epsilon", "value", "scale", "spatial_scale", "extrapolation_value", "softcap", "clip"};
const std::vector<std::pair<std::string, std::vector<std::string>>> kTexts = {
    {"auto_pad", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "?"}},
    {"mode", {"constant", "reflect", "edge", "wrap", "nearest", "linear", "cubic", "CRD", "max", "circular", "?"}},
    {"reduction", {"add", "mul", "max", "min", "none", "?"}},
    {"direction", {"reverse", "bidirectional", "RIGHT", "?"}},
    {"padding_mode", {"border", "reflection", "zeros"}},
    {"coordinate_transformation_mode", {"asymmetric", "align_corners", "tf_crop_and_resize", "half_pixel", "?"}},
    {"equation", {"ij,jk->ik", "...i->...", "ii", "i,j", "a->b", ",,", "..->", "..."}},
    {"activation", {"relu", "gelu", "?"}}};

ir::Attrs attributes(Rng& rng) {
  ir::Attrs attrs;
  for (const auto& name : kIntegers)
    if (rng.below(8) == 0) attrs.set(name, number(rng));
  for (const auto& name : kLists)
    if (rng.below(5) == 0) {
      std::vector<std::int64_t> list(rng.below(5));
      for (auto& item : list) item = number(rng);
      attrs.set(name, list);
    }
  for (const auto& name : kReals)
    if (rng.below(8) == 0) attrs.set(name, pick<float>(rng, {0, 1, -1, 0.5f, NAN, INFINITY, 1e30f}));
  for (const auto& [name, texts] : kTexts)
    if (rng.below(6) == 0) attrs.set(name, pick(rng, texts));
  return attrs;
}

class EveryOperator : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryOperator, AnswersRandomFormsWithAResultOrAnError) {
  const std::vector<DType> dtypes = {DType::Float, DType::Float, DType::Float, DType::Float16, DType::Double,
                                     DType::Int64, DType::Int32, DType::UInt8, DType::Int8,    DType::Bool};
  const ops::OpInfo& row = ops::info(GetParam());
  const auto spare = static_cast<std::uint64_t>(std::min(row.max_inputs, 8) - row.min_inputs);
  Rng rng(20);
  for (int round = 0; round < 300; ++round) {
    const DType dtype = pick(rng, dtypes);
    std::vector<ir::Tensor> inputs;
    for (std::uint64_t i = static_cast<std::uint64_t>(row.min_inputs) + rng.below(spare + 1); i > 0; --i) {
      const DType own = rng.below(3) != 0 ? dtype : rng.below(2) == 0 ? DType::Int64 : pick(rng, dtypes);
      const bool twin = !inputs.empty() && rng.below(2) == 0 && inputs[0].defined();
      inputs.push_back(twin ? ops::cast(inputs[0], own) : value(rng, own));
      if (rng.below(20) == 0) inputs.back() = ir::Tensor{};
    }
    try {
      run_op(GetParam(), inputs, attributes(rng), 1 + rng.below(3) / 2, 13 + static_cast<std::int64_t>(rng.below(10)));
    } catch (const InternalError& e) {
      FAIL() << e.full_message();
    } catch (const Error&) {
    }
  }
}

std::vector<std::string> operators() {
  std::vector<std::string> names;
  for (const auto& row : ops::table()) names.emplace_back(row.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryOperator, ::testing::ValuesIn(operators()), [](const auto& item) {
  std::string name = item.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace inc::testing
