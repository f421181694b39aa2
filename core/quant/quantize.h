#pragma once
// The numerics of quantization: the oracle that every kernel is tested against.
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <utility>

#include "core/base/support.h"
#include "core/quant/input_channels.h"
#include "core/quant/scheme.h"

namespace inc::quant {

/// Scale and zero point for an interval. The interval is widened to contain 0; an empty or constant-zero interval gets
/// scale 1. Symmetric u8 uses zero point 128. Throws ModelError when a bound is not finite.
QParams qparams_from_range(const Range& range, const Scheme& scheme);

/// q = saturate(round_half_even(x / scale) + zero_point), NaN → zero_point.
/// x is FP32; axis -1 or the channel axis of the qparams.
ir::Tensor quantize(const ir::Tensor& x, const QParams& qparams);
/// x = scale * (q - zero_point), FP32.
ir::Tensor dequantize(const ir::Tensor& q, const QParams& qparams);

/// A quantized weight with its parameters.
struct QuantizedWeight {
  ir::Tensor q;     ///< same shape as the weight, Int8
  QParams qparams;  ///< zero points are 0 for symmetric schemes
};

/// How the kernels of an anchor pair consecutive weights along K: two u8×s8 products are added in int16 (vpmaddubsw).
enum class PairOrder : std::uint8_t {
  None,  ///< depthwise convolution: no pairs
  Conv,  ///< weight [O, I, k…]: pairs along I at each tap, and in both im2col orders, (I, k…) and (k…, I) flattened
  MatMulKN,  ///< weight [K, N], or a stack of such: pairs along K
  GemmNK,    ///< weight [N, K]: pairs along K
};
/// For weights of that shape. Throws UnsupportedError for an anchor that is none of Conv, MatMul, Gemm, ConvInteger,
/// MatMulInteger.
PairOrder pair_order(const ir::Node& anchor, const ir::Shape& weight);
/// The same by the shape of its weight, constant or computed; UnsupportedError also where that is not known.
PairOrder pair_order(const ir::Graph& graph, const ir::Node& anchor);

/// Quantizes a constant weight along `channel_axis` (per-channel) or as a whole (per-tensor). PairBounded takes the
/// smallest of a few scales under which cannot_saturate() holds. A channel of zeros takes the largest scale of the others.
/// Throws ModelError for a weight that is not finite, ConfigError for a scheme that is not int8 symmetric.
QuantizedWeight quantize_weight(const ir::Tensor& weight, const Scheme& scheme, int channel_axis, PairOrder pairs);

/// Whether u8 × s8 sums of pairs can exceed int16 with these integers (vpmaddubsw would saturate); pairs as above.
Support cannot_saturate(const ir::Tensor& q, PairOrder pairs);

/// Weight quantization is done once per (content, scheme, axis, pairs), and content is hashed once per storage, which the
/// cache keeps alive. Thread-safe.
class WeightCache {
 public:
  std::shared_ptr<const QuantizedWeight> get(const ir::Tensor& weight, const Scheme&, int channel_axis, PairOrder);
  /// The same for scale_inputs(weight, channels, factor), once per content of the factors too. No factors: the weight
  /// itself.
  std::shared_ptr<const QuantizedWeight> get(const ir::Tensor& weight, const Scheme&, int channel_axis, PairOrder,
                                             const InputChannels& channels, std::span<const float> factor);

 private:
  std::uint64_t content_of(const ir::Tensor& weight);

  std::mutex mutex_;
  std::map<const void*, std::pair<ir::Tensor, std::uint64_t>> hashes_;
  std::map<std::tuple<std::uint64_t, std::uint64_t, Scheme, int, PairOrder>, std::shared_ptr<const QuantizedWeight>>
      entries_;
};

}  // namespace inc::quant
