#pragma once
// What the driver hands to a variant: all pixels of a band times one panel of channels.
#include <cstdint>

#include "kernels/integer/integer.h"

namespace inc::kernels {

constexpr std::int64_t kMostWidth = 64, kMostRows = 16;

/// Bytes of a number.
constexpr std::int64_t size_of(IntegerFinish::Output kind) {
  using Output = IntegerFinish::Output;
  return kind == Output::Float || kind == Output::Int32 ? 4 : kind == Output::BFloat16 ? 2 : 1;
}
constexpr std::int64_t size_of(IntegerFinish::Residual kind) {
  return kind == IntegerFinish::Residual::Float ? 4 : kind == IntegerFinish::Residual::None ? 0 : 1;
}

struct IntegerPanel {
  const std::byte* band;       ///< widened data, at the first channel of the group
  const std::int32_t* pixels;  ///< bytes to each pixel
  std::int64_t pixel_count, rows;
  const std::int64_t* taps;
  std::int64_t tap_count, run_bytes;
  const std::int32_t* steps;  ///< in fours: bytes from a pixel to each four numbers
  std::int64_t step_count;
  const std::int32_t* offsets;  ///< the same in the order of pairs.h, or none
  std::int64_t pairs, alone;
  const std::byte* weights;
  const std::byte* next_weights;  ///< of the panel that follows, or none
  bool wide;
  std::int64_t width;               ///< channels of the panel, with those that fill up
  std::int64_t columns;             ///< real ones
  const float *scale, *bias;        ///< of its channels, readable to kMostWidth
  const float* factor;              ///< likewise, or none
  const std::int32_t* weight_sums;  ///< in fours: of each channel, readable likewise
  std::int32_t zero_point;          ///< in fours: of the data as unsigned numbers
  bool bounded;                     ///< quantization and factors at most, of values so small that none over- or underflows
  bool plain;                       ///< and no factors
  std::int32_t low, high;           ///< then: what the clip leaves of the output's numbers
  std::byte* dst;                   ///< first pixel and channel
  const std::byte* residual;        ///< likewise
  std::int64_t stride;              ///< numbers from pixel to pixel, of both
  const IntegerFinish* finish;
};

/// One tile of pixels, before what lies behind the sums.
struct IntegerTile {
  const std::byte* weights = nullptr;
  const std::int64_t* taps = nullptr;
  const std::int64_t* taps_end = nullptr;
  std::int64_t run_bytes = 0;
  std::int32_t* sums = nullptr;
  const std::byte* band = nullptr;
  const std::int32_t* pixels = nullptr;
  const std::int32_t* steps = nullptr;
  const std::int32_t* steps_end = nullptr;
  std::int64_t width = 0;
  const std::int32_t* initial = nullptr;
  const std::byte* next = nullptr;  ///< of the weights that follow: fetched while the tile is multiplied,
  std::int64_t next_step = 0;       ///< as far with each four numbers of a run
  const std::int32_t* offsets = nullptr;
  std::int64_t pairs = 0, alone = 0;
};

}  // namespace inc::kernels
