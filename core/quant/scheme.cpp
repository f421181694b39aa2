#include "core/quant/scheme.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace inc::quant {

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::Int8:
      return "int8";
    case Precision::Bf16:
      return "bf16";
    case Precision::Fp32:
      return "fp32";
  }
  throw InternalError("unknown precision");
}

std::string_view name_of(Symmetry symmetry) {
  return symmetry == Symmetry::Symmetric ? "sym" : "asym";
}

std::string_view name_of(Granularity granularity) {
  return granularity == Granularity::PerChannel ? "per_channel" : "per_tensor";
}

std::string_view name_of(RangeMethod method) {
  switch (method) {
    case RangeMethod::MinMax:
      return "minmax";
    case RangeMethod::MovingAverage:
      return "moving_average";
    case RangeMethod::Percentile:
      return "percentile";
    case RangeMethod::Kl:
      return "kl";
    case RangeMethod::Mse:
      return "mse";
  }
  throw InternalError("unknown range method");
}

std::string_view name_of(WeightBound bound) {
  switch (bound) {
    case WeightBound::PairBounded:
      return "pair_bounded";
    case WeightBound::SevenBit:
      return "7bit";
    case WeightBound::Full:
      return "full";
  }
  throw InternalError("unknown weight bound");
}

std::string_view name_of(Smoothing smoothing) {
  switch (smoothing) {
    case Smoothing::None:
      return "none";
    case Smoothing::SmoothQuant:
      return "smooth_quant";
    case Smoothing::Equalize:
      return "equalize";
  }
  throw InternalError("unknown smoothing");
}

Scheme default_activation_scheme() {
  return {};
}

Scheme default_weight_scheme() {
  return {DType::Int8, Symmetry::Symmetric, Granularity::PerChannel, RangeMethod::MinMax, WeightBound::PairBounded};
}

bool RangeTable::has(ir::ValueId value, RangeMethod method) const {
  return tensor.contains({value, method});
}

const Range& RangeTable::at(ir::ValueId value, RangeMethod method) const {
  const auto it = tensor.find({value, method});
  if (it == tensor.end()) throw InternalError(fmt::format("value {} has no range of method {}", value.v, name_of(method)));
  return it->second;
}

}  // namespace inc::quant
