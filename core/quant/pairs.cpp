#include "core/quant/pairs.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::quant {
namespace {

/// Whether one of the pairs (0, 1), (2, 3), … does; numbers of different signs never add up to so much.
bool neighbours_may_saturate(const std::int8_t* w, std::int64_t count) {
  int over = 0;
#pragma omp simd reduction(| : over)
  for (std::int64_t i = 0; i < count; i += 2) {
    const auto sum = static_cast<std::int16_t>(w[i] + w[i + 1]);
    over |= static_cast<int>(sum > kPairLimit) | static_cast<int>(sum < -kPairLimit);
  }
  return over != 0;
}

}  // namespace

PairExtents pair_extents(const ir::Shape& shape, PairOrder order) {
  INC_CHECK(shape.size() >= 2, "weights with pairs have at least two axes");
  PairExtents e;
  switch (order) {
    case PairOrder::None:
      break;
    case PairOrder::Conv:
      e.outer = shape[0];
      e.k = shape[1];
      e.taps = 1;
      for (std::size_t i = 2; i < shape.size(); ++i) e.taps *= shape[i];
      break;
    case PairOrder::MatMulKN:
      for (std::size_t i = 0; i + 2 < shape.size(); ++i) e.outer *= shape[i];
      e.k = shape[shape.size() - 2];
      e.lanes = shape.back();
      break;
    case PairOrder::GemmNK:
      e.outer = shape[0];
      e.k = shape[1];
      break;
  }
  return e;
}

PairOrder pair_order(const ir::Node& anchor, const ir::Shape& weight) {
  const std::string type = ops::reported_type(anchor);
  if (type == "Gemm") return anchor.attrs.integer("transB", 0) != 0 ? PairOrder::GemmNK : PairOrder::MatMulKN;
  if (type == "MatMul" || type == "MatMulInteger") return PairOrder::MatMulKN;
  if (type != "Conv" && type != "ConvInteger")
    throw UnsupportedError(fmt::format("node '{}' ({}): no 8-bit weight layout is known", anchor.name, anchor.op));
  const bool depthwise = weight.size() >= 2 && weight[1] == 1 && weight[0] == anchor.attrs.integer("group", 1);
  return depthwise && weight[0] > 1 ? PairOrder::None : PairOrder::Conv;
}

PairOrder pair_order(const ir::Graph& graph, const ir::Node& anchor) {
  const ir::Value& weight = graph.value(anchor.inputs.at(static_cast<std::size_t>(ops::info(anchor.op).weight_input)));
  const auto shape = weight.type.concrete();
  if (!shape)
    throw UnsupportedError(
        fmt::format("node '{}' ({}): the shape of its weight '{}' is not known", anchor.name, anchor.op, weight.name));
  return pair_order(anchor, *shape);
}

Support cannot_saturate(const ir::Tensor& q, PairOrder pairs) {
  if (q.dtype() != DType::Int8) return Support::no(fmt::format("weights are {}, int8 expected", inc::name_of(q.dtype())));
  int worst = 0, a = 0, b = 0;
  ir::for_rows(q, 2, [&](const ir::Tensor& rows, std::int64_t) {
    const std::int8_t* w = rows.data<std::int8_t>();
    const bool neighbours = pairs == PairOrder::GemmNK && rows.shape()[1] % 2 == 0;
    if (neighbours && !neighbours_may_saturate(w, rows.count())) return;
    for_each_pair(rows.shape(), pairs, [&](std::int64_t i, std::int64_t j) {
      const int sum = std::abs(w[i] + w[j]);
      if (sum <= worst || (w[i] < 0) != (w[j] < 0)) return;
      worst = sum;
      a = w[i];
      b = w[j];
    });
  });
  if (worst <= kPairLimit) return Support::yes();
  return Support::no(fmt::format("weights {} and {} form a pair whose magnitudes add up to {}, at most {} expected", a, b,
                                 worst, kPairLimit));
}

}  // namespace inc::quant
