#include "kernels/integer/integer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/parallel.h"
#include "kernels/integer/pairs.h"
#include "kernels/integer/panel.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;

INC_KERNEL_DECLARE(void multiply_panel(const IntegerPanel& panel) noexcept)
namespace avx512vnni {
void multiply_panel(const IntegerPanel& panel) noexcept;
/// Where `bounded`, or results are numbers; false, and nothing done, for what it is not made for.
/// `far`: results and residuals are more than the second-level cache holds.
bool multiply_in_turns(const IntegerPanel& panel, bool far) noexcept;
}  // namespace avx512vnni
namespace avx2 {
/// Panels of 16 channels in pairs, behind a clip or Gelu at most; false, and nothing done, for others.
bool multiply_at_once(const IntegerPanel& panel) noexcept;
}  // namespace avx2
INC_KERNEL_DECLARE(void widen(const std::byte* src, std::int16_t* dst, int64_t count, bool is_signed,
                              std::int32_t zero_point) noexcept)

namespace {

constexpr int64_t kBandBytes = 256 << 10;  // stays in the second-level cache while all panels pass over it
constexpr int64_t kFarResults = 768 << 10;
constexpr double kMostHalved = 1.4;
constexpr int64_t kPartsOfWorker = 4;  // at least, where there are so many
constexpr double kMostUneven = 1.07;
constexpr int64_t kSlack = 64;  // read behind the last number of a band, times weights of zero

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
int64_t results(const IntegerShape& s) {
  return s.images * s.out_height * s.out_width * s.out_channels;
}
int64_t up(int64_t a, int64_t b) {
  return ceil_div(a, b) * b;
}

/// Bands are cut along the height.
IntegerShape upright(IntegerShape s, bool& turned) {
  const bool point = s.kernel_height == 1 && s.kernel_width == 1;
  const bool dense = s.stride_height == 1 && s.stride_width == 1 && s.top == 0 && s.left == 0 && s.height == s.out_height &&
                     s.width == s.out_width;
  if (point && dense) {
    s.height = s.out_height = s.images * s.height * s.width;
    s.images = s.width = s.out_width = 1;
  } else if (s.height == 1 && s.out_height == 1 && s.kernel_height == 1 && s.top == 0) {
    turned = true;
    std::swap(s.height, s.width);
    std::swap(s.out_height, s.out_width);
    std::swap(s.kernel_height, s.kernel_width);
    std::swap(s.stride_height, s.stride_width);
    std::swap(s.dilation_height, s.dilation_width);
    std::swap(s.top, s.left);
  }
  return s;
}

struct Run {
  int64_t taps_high, taps_wide, length;
};

/// Neighbours in memory are one run.
Run runs(const IntegerShape& s, int64_t columns) {
  Run r{s.kernel_height, s.kernel_width, s.channels / s.groups};
  if (s.groups != 1) return r;
  if (r.taps_wide == 1 || s.dilation_width == 1) r.length *= r.taps_wide, r.taps_wide = 1;
  if (r.taps_wide == 1 && s.dilation_height == 1 && columns * s.channels == r.length)
    r.length *= r.taps_high, r.taps_high = 1;
  return r;
}

constexpr int64_t kVnniRows[] = {0, 12, 12, 8, 6};  // of a tile, by vectors of 16 channels

/// Panels of 64 channels or, where that leaves a narrow one, of 48; of 48 too where sums are long and those leave none: 768
/// deep they stay in the first-level cache, and 8 pixels at once rarely leave some over (128×768×768 0.95 of the time of 64,
/// 128×768×3072 0.92; 49×160×960 1.1). Of 32 where few pixels pass over weights that do not stay there.
int64_t vnni_width(const IntegerShape& s) {
  const int64_t vectors = ceil_div(s.out_channels / s.groups, 16);
  const int64_t depth = s.channels / s.groups * s.kernel_height * s.kernel_width;
  if (depth >= 2048 && s.out_height * s.out_width <= 64) return 16 * std::min<int64_t>(vectors, 2);
  const bool thirds = vectors % 4 == 1 || vectors == 6 || (vectors % 3 == 0 && depth >= 512);
  return 16 * (vectors < 4 ? vectors : thirds ? 3 : 4);
}

/// Which rows and columns of the data a band holds.
void place(IntegerPlan& p) {
  const IntegerShape& s = p.shape;
  const int64_t rows = (s.out_height - 1) * s.stride_height + (s.kernel_height - 1) * s.dilation_height + 1;
  const int64_t columns = (s.out_width - 1) * s.stride_width + (s.kernel_width - 1) * s.dilation_width + 1;
  p.in_place = p.in_fours() && s.top == 0 && s.left == 0 && rows <= s.height && columns <= s.width;
  const bool thin = s.kernel_width == 1 && !p.in_place, flat = s.kernel_height == 1 && !p.in_place;
  p.column_step = thin ? s.stride_width : 1;
  p.row_step = flat ? s.stride_height : 1;
  p.pixel_columns = thin ? 1 : s.stride_width;
  p.pixel_rows = flat ? 1 : s.stride_height;
  p.columns = p.in_place ? s.width : thin ? s.out_width : columns;
}

/// Of a band's data. In fours the results of a product, and a residual as large, stay in the cache as well until all panels
/// have been through, where they do not anyway; large weights pass through half as often.
int64_t band_bytes_for(const IntegerPlan& p) {
  const IntegerShape& s = p.shape;
  if (!p.in_fours() || s.kernel_height != 1 || s.kernel_width != 1) return kBandBytes;
  const bool large = static_cast<int64_t>(p.packed_bytes()) > kBandBytes;
  if (results(s) <= kFarResults) return large ? 2 * kBandBytes : kBandBytes;
  const int64_t all = large ? 4 * kBandBytes : kBandBytes;
  return all * s.channels * p.pixel_rows * p.pixel_columns / (s.channels + 2 * s.out_channels);
}

void widen_on(Isa isa, const std::byte* src, std::int16_t* dst, int64_t count, bool is_signed, std::int32_t zero) noexcept {
  switch (isa) {
    case Isa::Baseline:
      return baseline::widen(src, dst, count, is_signed, zero);
    case Isa::Avx2:
      return avx2::widen(src, dst, count, is_signed, zero);
    case Isa::Avx512:
      return avx512::widen(src, dst, count, is_signed, zero);
  }
}

bool is_far(const IntegerPlan& plan, const IntegerFinish& f) {
  return results(plan.shape) * (size_of(f.output) + size_of(f.residual)) > (1 << 20);
}

void multiply_panel_on(const IntegerPlan& plan, const IntegerPanel& panel) noexcept {
  if (plan.vnni) {
    const IntegerFinish::Output to = panel.finish->output;
    const bool may = panel.bounded || to == IntegerFinish::Output::Float || to == IntegerFinish::Output::BFloat16;
    if (!may || !avx512vnni::multiply_in_turns(panel, is_far(plan, *panel.finish))) avx512vnni::multiply_panel(panel);
    return;
  }
  switch (plan.isa) {
    case Isa::Baseline:
      return baseline::multiply_panel(panel);
    case Isa::Avx2:
      if (!avx2::multiply_at_once(panel)) avx2::multiply_panel(panel);
      return;
    case Isa::Avx512:
      return avx512::multiply_panel(panel);
  }
}

/// What holds for all panels of a call.
struct Call {
  bool bounded = false, plain = false;
  std::int32_t low = 0, high = 0;
};

/// The largest size; NaN where one is NaN: as integers, floats without their sign are in order, NaN last.
float most(const float* values, int64_t count) noexcept {
  std::int32_t found = 0;
#pragma omp simd reduction(max : found)
  for (int64_t i = 0; i < count; ++i) {
    const std::int32_t size = std::bit_cast<std::int32_t>(values[i]) & INT32_MAX;
    found = size > found ? size : found;
  }
  return std::bit_cast<float>(found);
}

/// Quantization, behind no activation or Gelu, where every value is finite and its quotient by the scale of the output fits
/// int32, up to a residual of numbers.
bool is_bounded(const IntegerPlan& p, const IntegerFinish& f) noexcept {
  if (size_of(f.output) != 1) return false;
  if (f.activation != IntegerActivation::None && f.activation != IntegerActivation::Gelu) return false;
  if (!(f.out_scale > 1e-30f && f.out_scale < 1e30f)) return false;
  float value = static_cast<float>(p.depth()) * 255 * 255 * most(f.scale, p.shape.out_channels) * std::abs(f.run_scale);
  if (f.bias != nullptr) value += most(f.bias, p.shape.out_channels);
  if (f.residual == IntegerFinish::Residual::UInt8 || f.residual == IntegerFinish::Residual::Int8)
    value += 512 * std::abs(f.residual_scale);
  if (f.in_steps) return value < 1e9f;
  if (f.factor != nullptr) value *= most(f.factor, p.shape.out_channels);
  return value / f.out_scale < 1e9f;
}

Call prepare(const IntegerPlan& p, const IntegerFinish& f) noexcept {
  if (!is_bounded(p, f)) return {};
  const bool plain =
      f.activation == IntegerActivation::None && f.factor == nullptr && f.residual != IntegerFinish::Residual::Float;
  if (!plain) return {true};
  const Affine8 as{f.out_scale, f.out_zero_point, f.output == IntegerFinish::Output::Int8};
  std::byte ends[2];
  quantize(&f.low, &ends[0], 1, as);
  quantize(&f.high, &ends[1], 1, as);
  const auto number = [&](std::byte q) { return as.is_signed ? static_cast<std::int8_t>(q) : static_cast<std::int32_t>(q); };
  return {true, true, number(ends[0]), number(ends[1])};
}

std::size_t band_bytes(const IntegerPlan& p) noexcept {
  const int64_t bytes = p.band_height(p.band) * p.columns * p.shape.channels * p.number_bytes() + kSlack;
  return static_cast<std::size_t>(up(bytes, 64));
}

/// Of a worker: a band and, in pairs, where the fours of a panel are in it.
std::size_t storage_bytes(const IntegerPlan& p) noexcept {
  return band_bytes(p) + (p.paired ? static_cast<std::size_t>(up(4 * p.fours, 64)) : 0);
}

/// Output rows of a band, at most plan.band, and the parts that its panels are cut into.
struct Parts {
  int64_t band = 1, chunks = 1;
};

/// Where there are few bands: more of them, equal ones, while the weights, which each worker reads then, are less than the
/// data, and the operators around find their rows in the cache of the core that made them; of larger weights each worker
/// takes some panels.
Parts parts_for(const IntegerPlan& p, int64_t workers) noexcept {
  const IntegerShape& s = p.shape;
  const int64_t bands = ceil_div(s.out_height, p.band), all = s.images * bands;
  if (workers == 1 || all >= kPartsOfWorker * workers) return {p.band, 1};
  const int64_t wanted = ceil_div(up(all, workers), s.images),
                tile = p.vnni && s.out_width == 1 ? kVnniRows[p.width / 16] : 1;
  const int64_t band = std::min(p.band, up(ceil_div(s.out_height, wanted), tile));
  const bool even = static_cast<double>(band * wanted) <= kMostUneven * static_cast<double>(s.out_height);
  if (even && static_cast<int64_t>(p.packed_bytes()) <= s.images * s.height * s.width * s.channels) return {band, 1};
  return {p.band, std::clamp<int64_t>(ceil_div(kPartsOfWorker * workers, all), 1, s.groups * p.panels)};
}

/// One share of the work.
class Worker {
 public:
  Worker(const IntegerPlan& plan, const IntegerOperands& operands, const IntegerFinish& finish, const Call& call,
         int64_t band, std::byte* storage) noexcept
      : p_(plan),
        s_(plan.shape),
        o_(operands),
        f_(finish),
        call_(call),
        rows_(band),
        storage_(storage),
        offsets_(reinterpret_cast<std::int32_t*>(storage + band_bytes(plan))),
        size_(plan.number_bytes()) {}

  void run(int64_t image, int64_t band, int64_t first_panel, int64_t last_panel) noexcept {
    const int64_t first = band * rows_, rows = std::min(rows_, s_.out_height - first);
    if (image != image_ || band != index_) take_band(image, first, rows);
    image_ = image, index_ = band;
    const int64_t pixel = (image * s_.out_height + first) * s_.out_width;
    for (int64_t panel = first_panel; panel < last_panel; ++panel) multiply(panel, pixel, rows * s_.out_width);
  }

 private:
  const std::byte* source_row(int64_t image, int64_t row) const noexcept {
    return o_.src + (image * s_.height + row) * s_.width * s_.channels;
  }

  void take_band(int64_t image, int64_t first, int64_t rows) noexcept {
    band_ = storage_;
    if (p_.in_place && !o_.src_signed) {
      band_ = source_row(image, first * p_.pixel_rows);
      return;
    }
    const int64_t line = p_.columns * s_.channels, height = p_.band_height(rows);
    for (int64_t r = 0; r < height; ++r) {
      const int64_t row = (first * p_.pixel_rows + r) * p_.row_step - s_.top;
      std::byte* to = storage_ + r * line * size_;
      if (row < 0 || row >= s_.height)
        pad(to, line);
      else
        take_line(source_row(image, row), to);
    }
    std::memset(storage_ + height * line * size_, 0, kSlack);
  }

  void take_line(const std::byte* row, std::byte* to) const noexcept {
    const int64_t channels = s_.channels;
    if (p_.column_step != 1) {
      for (int64_t c = 0; c < p_.columns; ++c) {
        const int64_t column = c * p_.column_step - s_.left;
        if (column < 0 || column >= s_.width)
          pad(to + c * channels * size_, channels);
        else
          take(row + column * channels, to + c * channels * size_, channels);
      }
      return;
    }
    const int64_t begin = std::clamp<int64_t>(s_.left, 0, p_.columns);
    const int64_t end = std::clamp<int64_t>(s_.width + s_.left, begin, p_.columns);
    pad(to, begin * channels);
    take(row + (begin - s_.left) * channels, to + begin * channels * size_, (end - begin) * channels);
    pad(to + end * channels * size_, (p_.columns - end) * channels);
  }

  void take(const std::byte* from, std::byte* to, int64_t count) const noexcept {
    if (!p_.in_fours())
      widen_on(p_.isa, from, reinterpret_cast<std::int16_t*>(to), count, o_.src_signed, o_.src_zero_point);
    else if (!o_.src_signed)
      std::memcpy(to, from, static_cast<std::size_t>(count));
    else
      for (int64_t i = 0; i < count; ++i) to[i] = from[i] ^ std::byte{0x80};
  }

  void pad(std::byte* to, int64_t count) const noexcept {
    std::memset(to, p_.in_fours() ? unsigned_zero() : 0, static_cast<std::size_t>(count * size_));
  }

  std::int32_t unsigned_zero() const noexcept { return o_.src_zero_point + (o_.src_signed ? 128 : 0); }

  void multiply(int64_t panel, int64_t pixel, int64_t pixels) noexcept {
    const int64_t group = panel / p_.panels, per_group = s_.out_channels / s_.groups;
    const int64_t inside = panel % p_.panels * p_.width, channel = group * per_group + inside;
    const int64_t width = p_.panel_width(inside), bytes = width * p_.channel_bytes();
    IntegerPanel t{};
    t.band = band_ + group * (s_.channels / s_.groups) * size_;
    t.pixels = p_.pixels.data();
    t.pixel_count = pixels;
    t.rows = p_.vnni ? kVnniRows[width / 16] : p_.rows;
    t.taps = p_.taps.data();
    t.tap_count = static_cast<int64_t>(p_.taps.size());
    t.run_bytes = p_.run * size_;
    t.steps = p_.steps.data();
    t.step_count = static_cast<int64_t>(p_.steps.size());
    t.width = width;
    t.weights = o_.packed + (group * p_.group_width() + inside) * p_.channel_bytes();
    if (panel + 1 < s_.groups * p_.panels) t.next_weights = t.weights + bytes;
    if (p_.in_fours()) {
      t.weight_sums = reinterpret_cast<const std::int32_t*>(t.weights);
      t.zero_point = unsigned_zero();
      t.weights += width * 4;
    }
    if (p_.paired) {
      const auto* head = reinterpret_cast<const std::int32_t*>(t.weights);
      t.pairs = head[0], t.alone = head[1];
      for (int64_t i = 0; i < 2 * t.pairs + t.alone; ++i) offsets_[i] = p_.steps[static_cast<std::size_t>(head[kOrder + i])];
      t.offsets = offsets_;
      t.weights += head_bytes(p_.fours);
    }
    t.wide = p_.wide;
    t.columns = std::min(width, per_group - inside);
    static constexpr float kZeros[kMostWidth] = {};
    float room[3][kMostWidth];
    const auto values = [&](const float* from, float* spare) -> const float* {
      if (from == nullptr) return nullptr;
      if (channel + kMostWidth <= s_.out_channels) return from + channel;
      std::fill(std::copy_n(from + channel, t.columns, spare), spare + kMostWidth, 0.0f);
      return spare;
    };
    t.scale = f_.scale != nullptr ? values(f_.scale, room[0]) : kZeros;
    t.bias = f_.bias != nullptr ? values(f_.bias, room[1]) : kZeros;
    t.factor = values(f_.factor, room[2]);
    t.bounded = call_.bounded;
    t.plain = call_.plain;
    t.low = call_.low, t.high = call_.high;
    t.stride = s_.out_channels;
    t.dst = o_.dst + (pixel * s_.out_channels + channel) * size_of(f_.output);
    if (f_.residual_data != nullptr)
      t.residual = f_.residual_data + (pixel * s_.out_channels + channel) * size_of(f_.residual);
    t.finish = &f_;
    multiply_panel_on(p_, t);
  }

  const IntegerPlan& p_;
  const IntegerShape& s_;
  const IntegerOperands& o_;
  const IntegerFinish& f_;
  const Call& call_;
  const int64_t rows_;  ///< of a band
  std::byte* const storage_;
  std::int32_t* const offsets_;
  const int64_t size_;
  const std::byte* band_ = nullptr;
  int64_t image_ = -1, index_ = -1;
};

}  // namespace

int64_t IntegerPlan::band_height(int64_t out_rows) const noexcept {
  return (out_rows - 1) * pixel_rows + (shape.kernel_height - 1) * shape.dilation_height + 1;
}

int64_t IntegerPlan::channel_bytes() const noexcept {
  if (paired) return 4 + (head_bytes(fours) + fours * kBytesOfFour) / kPairedWidth;
  return depth() * (wide ? 2 : 1) + (vnni ? 4 : 0);
}

int64_t IntegerPlan::panel_width(int64_t first) const noexcept {
  return vnni ? std::min(width, up(shape.out_channels / shape.groups - first, 16)) : width;
}

int64_t IntegerPlan::group_width() const noexcept {
  const int64_t last = (panels - 1) * width;
  return last + panel_width(last);
}

std::size_t IntegerPlan::packed_bytes() const noexcept {
  return static_cast<std::size_t>(shape.groups * group_width() * channel_bytes());
}

std::size_t IntegerPlan::workspace_bytes(int workers) const noexcept {
  return storage_bytes(*this) * static_cast<std::size_t>(workers);
}

bool fits_int32(const IntegerShape& s, bool wide) noexcept {
  const int64_t count = s.channels / s.groups * s.kernel_height * s.kernel_width;
  return count * 255 * (wide ? 255 : 128) <= INT32_MAX;
}

bool faster_than_library(const IntegerShape& s, IntegerFinish::Residual adds) noexcept {
  const int64_t depth = s.channels * s.kernel_height * s.kernel_width, pixels = s.out_height * s.out_width;
  if (has_vnni()) {
    if (s.groups != 1 || depth < 32) return false;
    if (adds == IntegerFinish::Residual::Float && depth < 128 && results(s) > kFarResults) return false;
    if (s.height == 1 && s.width == 1) return s.images >= 24 && s.out_channels >= 24;
    if (s.kernel_height == 1 && s.kernel_width == 1 && pixels > 1) return s.out_channels >= 24;
    return pixels > 1 && pixels <= 49 && depth >= 576 && depth >= s.out_channels && s.out_channels >= 128;
  }
  if (isa() != Isa::Avx2 || s.groups != 1) return false;
  const bool product = s.height == 1 && s.width == 1;
  if (s.out_channels < 16) return product && s.images <= 32;
  if (product) return depth >= 16;
  const double most_fill = depth < 128 ? 1.12 : 1.03;
  const bool filled = up(s.out_channels, kPairedWidth) <= most_fill * static_cast<double>(s.out_channels);
  const bool numbers = adds == IntegerFinish::Residual::Float;
  return depth >= (!filled || numbers ? 512 : adds == IntegerFinish::Residual::None ? 16 : 64);
}

namespace {

IntegerPlan plan_as(const IntegerShape& given, bool wide, bool paired) {
  IntegerPlan p;
  const IntegerShape& s = p.shape = upright(given, p.turned);
  p.isa = isa();
  p.wide = wide;
  p.vnni = has_vnni() && !wide;
  p.paired = paired;
  p.width = p.vnni ? vnni_width(s) : p.isa == Isa::Avx512 ? 32 : 16;
  p.rows = p.isa == Isa::Avx512 ? 12 : p.isa == Isa::Avx2 && !p.paired ? 6 : 4;
  p.panels = ceil_div(s.out_channels / s.groups, p.width);
  place(p);
  const Run run = runs(s, p.columns);
  p.real_run = run.length;
  p.run = up(run.length, 4);
  p.in_place = p.in_place && p.run == p.real_run;
  const int64_t pixel = s.channels * p.number_bytes(), line = p.columns * pixel;
  for (int64_t y = 0; y < run.taps_high; ++y)
    for (int64_t x = 0; x < run.taps_wide; ++x)
      p.taps.push_back(y * s.dilation_height * line + x * s.dilation_width * pixel);
  if (p.in_fours())
    for (const int64_t tap : p.taps)
      for (int64_t k = 0; k < p.run; k += 4) p.steps.push_back(static_cast<std::int32_t>(tap + k));
  p.fours = static_cast<int64_t>(p.steps.size());
  const int64_t lines = std::max<int64_t>(1, band_bytes_for(p) / line) - (p.band_height(1) - p.pixel_rows);
  p.band = std::clamp<int64_t>(lines / p.pixel_rows, 1, s.out_height);
  p.band = ceil_div(s.out_height, ceil_div(s.out_height, p.band));
  if (p.vnni && s.out_width == 1) p.band = std::min(up(p.band, kVnniRows[p.width / 16]), s.out_height);
  for (int64_t y = 0; y < p.band; ++y)
    for (int64_t x = 0; x < s.out_width; ++x)
      p.pixels.push_back(static_cast<std::int32_t>(y * p.pixel_rows * line + x * p.pixel_columns * pixel));
  p.pixels.insert(p.pixels.end(), kMostRows, 0);
  return p;
}

}  // namespace

/// In fours unless so many have to be halved that int16 is faster.
IntegerPlan plan_integers(const IntegerShape& given, bool wide, int64_t fours) {
  if (isa() == Isa::Avx2 && !has_vnni() && !wide) {
    IntegerPlan p = plan_as(given, false, true);
    p.fours = std::max(p.fours, fours);
    if (static_cast<double>(p.fours) <= kMostHalved * static_cast<double>(p.steps.size())) return p;
  }
  return plan_as(given, wide, false);
}

IntegerPlan plan_integers(const IntegerShape& given, bool wide, const IntegerWeights& weights) {
  const IntegerPlan p = plan_integers(given, wide);
  return p.paired ? plan_integers(given, wide, most_fours(p, weights, given.out_channels)) : p;
}

void multiply_integers(const IntegerPlan& p, const IntegerOperands& operands, const IntegerFinish& finish) noexcept {
  const int64_t workers = std::max(1, operands.workers);
  const Parts parts = parts_for(p, workers);
  const int64_t panels = p.shape.groups * p.panels, bands = ceil_div(p.shape.out_height, parts.band);
  const int64_t items = p.shape.images * bands * parts.chunks;
  const Call call = prepare(p, finish);
  parallel_for(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      Worker worker(p, operands, finish, call, parts.band, operands.workspace + w * static_cast<int64_t>(storage_bytes(p)));
      for (int64_t i = items * w / workers; i < items * (w + 1) / workers; ++i) {
        const int64_t part = i / parts.chunks, chunk = i % parts.chunks;
        worker.run(part / bands, part % bands, panels * chunk / parts.chunks, panels * (chunk + 1) / parts.chunks);
      }
    }
  });
}

}  // namespace inc::kernels
