#pragma once
// Products of 8-bit integers summed exactly in int32, with VNNI or without: convolutions over channels-last data and
// multiplications of matrices, with everything behind the sums in the same pass.
//
// With AVX2 fours are multiplied in pairs (pairs.h), faster than the library, whose sums saturate there. Elsewhere without
// VNNI, and where weights less a zero point or too many halves need it, data are widened to int16, less their zero point,
// one band of rows at a time; padding becomes zeros there. Pairs of products of int16 cannot overflow int32 (vpmaddwd), so
// weights may use all 8 bits, and all 9 bits less a zero point.
//
// GOP/s of one core, ours : the library's saturating kernel : FP32 (bench_integer); with AVX2 weights that cannot saturate,
// behind them any:
//                            Zen 4, INC_MAX_ISA=avx2   Zen 5, avx512_core
//   3×3 128→128 on 28×28     277, 171 : 204 : 119      373 : 444 : 230
//   3×3 512→512 on 7×7       263, 157 : 189 : 103      353 : 412 : 202
//   1×1 1024→256 on 14×14    269, 165 : 227 : 113      353 : 445 : 222
//   1×1 96→576 on 14×14      210, 139 : 177 : 114      304 : 372 : 224
//   1×1 64→256 on 56×56      195, 129 : 166 : 111      279 : 360 : 200
//   1×1 144→24 on 56×56      173,  95 : 189 : 109      171 : 305 : 129
//   1×1 16→96 on 112×112     105,  60 :  92 : 100      111 : 232 : 176
//   128×768×3072             254, 158 : 196 :  98      334 : 421 : 198
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/isa.h"
#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// A convolution [images, height, width, channels] → [images, out_height, out_width, out_channels]. A multiplication of M
/// rows of K numbers to N is the convolution of M images of 1×1 pixels with K channels to N.
struct IntegerShape {
  std::int64_t images = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1, out_channels = 1, groups = 1;
  std::int64_t kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1, top = 0, left = 0;
};

/// Weights as int8 less one zero point, at any strides (in elements).
struct IntegerWeights {
  const std::int8_t* data = nullptr;
  std::int64_t out = 0, in = 0, row = 0, column = 0;
  std::int32_t zero_point = 0;
};

/// How a shape is carried out; made once. Reads only what is set here, whatever the ISA cap says later.
struct IntegerPlan {
  IntegerShape shape;  ///< a multiplication as one column of pixels; a single row turned into a column
  bool turned = false;
  Isa isa = Isa::Baseline;
  bool vnni = false, paired = false;  ///< data stay 8-bit, in fours; without VNNI as in pairs.h
  std::int64_t fours = 0;             ///< then: room in a panel
  bool in_place = false;              ///< unsigned data are read where they are: no padding, no number behind the last
  bool wide = false;                  ///< packed as int16 instead of int8
  std::int64_t width = 16, rows = 4;  ///< of a tile: output channels and pixels; with VNNI the last panel may be narrower
  std::int64_t panels = 1;            ///< of `width` channels, per group
  std::vector<std::int64_t> taps;     ///< bytes from an output pixel's first number to the start of each run
  std::int64_t run = 0;               ///< numbers of a tap, a multiple of 4
  std::int64_t real_run = 0;          ///< without what fills up
  std::vector<std::int32_t> steps;    ///< in fours: taps, four numbers by four
  std::int64_t band = 1;              ///< output rows that are widened together
  std::int64_t columns = 0;           ///< of a widened row
  std::int64_t row_step = 1, column_step = 1;      ///< input rows and columns per widened one
  std::int64_t pixel_rows = 1, pixel_columns = 1;  ///< widened rows and columns per output pixel
  std::vector<std::int32_t> pixels;  ///< bytes from the start of a widened band to its output pixels, and some more

  bool in_fours() const noexcept { return vnni || paired; }
  std::int64_t number_bytes() const noexcept { return in_fours() ? 1 : 2; }
  std::int64_t depth() const noexcept { return static_cast<std::int64_t>(taps.size()) * run; }
  std::int64_t band_height(std::int64_t out_rows) const noexcept;
  std::int64_t channel_bytes() const noexcept;                  ///< of packed weights
  std::int64_t panel_width(std::int64_t first) const noexcept;  ///< by its first channel within the group
  std::int64_t group_width() const noexcept;                    ///< of all panels
  std::size_t packed_bytes() const noexcept;
  std::size_t workspace_bytes(int workers) const noexcept;
};

/// `wide`: the weights need more than 8 bits. `fours`: the most that count_fours() says of them; 0 where no pair of fours
/// (pairs.h) saturates by itself.
IntegerPlan plan_integers(const IntegerShape& shape, bool wide, std::int64_t fours = 0);
/// For these weights.
IntegerPlan plan_integers(const IntegerShape& shape, bool wide, const IntegerWeights& weights);
/// Of a panel of `count` output channels of one group, or of all channels, whose weights these are; 0 unless plan.paired.
std::int64_t most_fours(const IntegerPlan& plan, const IntegerWeights& weights, std::int64_t count);
/// The sums of any 8-bit data and weights stay within int32.
bool fits_int32(const IntegerShape& shape, bool wide) noexcept;
void pack_integers(const IntegerPlan& plan, const IntegerWeights& weights, std::byte* packed);
/// Only `count` output channels from `first` on, a multiple of plan.width, of one group, or all; `weights` are theirs.
void pack_integers(const IntegerPlan& plan, const IntegerWeights& weights, std::int64_t first, std::int64_t count,
                   std::byte* packed);

/// The smooth ones within 4e-7 (1 + |x|); Gelu into 8 bits, with VNNI, within 0.002 of a step of at least 0.005.
enum class IntegerActivation : std::uint8_t { None, LeakyRelu, HardSwish, HardSigmoid, Sigmoid, Tanh, Silu, Gelu, GeluTanh };

/// From a sum to the result, in this order:
///   x = float(sum) * (scale[c] * run_scale) + bias[c];  x += residual;  x = activation(x);  x = clip(x, low, high);
///   x *= factor[c];  result = quantize(x) as in kernels/quantize, or x, or x rounded to BF16.
/// In steps, of 8-bit results without activation, scale, bias and residual_scale are over out_scale already and, without a
/// residual, times the factors, and the bias has the residual's zero point; from a sum to the result there
///   x = fma(float(sum), scale[c] * run_scale, bias[c]);  x = fma(residual's 8-bit number, residual_scale, x);
///   x = clip(x, low * factor[c] / out_scale, high * factor[c] / out_scale), the lesser bound first;  result = quantize(x).
struct IntegerFinish {
  enum class Output : std::uint8_t { UInt8, Int8, Float, BFloat16, Int32 };  ///< Int32: the sum itself, nothing else
  enum class Residual : std::uint8_t { None, UInt8, Int8, Float };
  Output output = Output::Float;
  Residual residual = Residual::None;
  IntegerActivation activation = IntegerActivation::None;
  const float* scale = nullptr;  ///< per output channel
  float run_scale = 1;
  const float* bias = nullptr;    ///< per output channel, or none
  const float* factor = nullptr;  ///< per output channel, or none
  const std::byte* residual_data = nullptr;
  float residual_scale = 1;
  std::int32_t residual_zero_point = 0;
  float alpha = 0, beta = 0;  ///< of the activation, as in ONNX
  float low = -__builtin_inff(), high = __builtin_inff();
  float out_scale = 1;
  std::int32_t out_zero_point = 0;
  Inverse inverse = {};   ///< of out_scale, by exact_inverse(): saves divisions
  bool in_steps = false;  ///< only for plans in pairs
};

/// Where the library's sums are exact too, and it takes longer, on the CPU and under the cap that plan_integers() obeys.
/// - With VNNI: our tiles are finished row by row while the next is multiplied, and the next weights are fetched. Inside
///   networks, batch 1, one Zen 5 core, times of the library's (brgconv, brgemm): 1×1 144→24 on 56×56 and 32→192 on 28×28
///   0.86, 64→384 0.87, 384→64 0.83 to 0.95, 96→576 0.90, 576→96 0.95, 320→1280 on 7×7 0.91; 256→64 on 56×56 0.93, 512→128
///   0.92, 128→512 and 256→1024 with a residual 0.86 and 0.90, 512→2048 0.74, with strides 0.79 to 0.91; 128×768×768 0.93,
///   128×3072×768 0.96. The same with batch 16 0.82 to 0.90. 64→256 on 56×56 is level: 0.97, to numbers 0.97. The library
///   stays where it is ahead: that with a residual of numbers, which it sums in place, 1.27; 24→144 on 56×56 1.06, 16→96 on
///   112×112 1.1, to 16 channels 1.9, few rows of a product 1.1 to 1.5; or level: 3×3 but for deep ones on at most 7×7
///   pixels, where weights make the time (0.89).
/// - With AVX2, where weights cannot saturate: in pairs. Inside networks, one Zen 4 core: products 0.5 to 0.9 (128×768×768
///   0.86, 128×3072×768 0.77), 1×1 1024→256 0.85, 16→96 on 112×112 0.57, 24→144 on 56×56 0.65, 40→120 on 28×28 0.85, 32→16
///   0.79, 144→32 0.88; 7×7 from 3 channels 0.65, 10×4 from 1 to 276 0.19, 3×3 with strides 0.85 to 0.95, to 16 channels
///   0.83 to 0.88; with a residual 384→64 on 14×14 0.92, 256→1024 0.9, 128→512 0.98. The library stays where it adds a
///   residual in numbers to shallow sums, and where lanes stay empty (144→24 1.1, 120→40 1.23, 276→276 1.02).
bool faster_than_library(const IntegerShape& shape, IntegerFinish::Residual adds = IntegerFinish::Residual::None) noexcept;

struct IntegerOperands {
  const std::byte* src = nullptr;  ///< dense, channels last
  bool src_signed = false;
  std::int32_t src_zero_point = 0;
  const std::byte* packed = nullptr;
  std::byte* dst = nullptr;        ///< dense, channels last
  std::byte* workspace = nullptr;  ///< 64-byte aligned, workspace_bytes(workers)
  int workers = 1;                 ///< shares of the work; the result does not depend on it
};
void multiply_integers(const IntegerPlan& plan, const IntegerOperands& operands, const IntegerFinish& finish) noexcept;

}  // namespace inc::kernels
