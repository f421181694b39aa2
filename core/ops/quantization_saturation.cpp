// inc.PairLoss: what the saturation of pairs at int16 does to the result of an INT8 anchor.
#include <fmt/format.h>

#include "core/base/parallel.h"
#include "core/ops/pair_sum.h"
#include "core/ops/quantization.h"
#include "core/ops/window.h"

namespace inc::ops {
namespace {

constexpr std::size_t kX = 0, kXScale = 1, kW = 2, kWScale = 3, kXZero = 4;

/// Two elements of K whose products are added in int16 and can leave it.
struct Pair {
  std::int64_t first, second;
  int a, b;
};

/// `at(k)`: the weight of one output channel at position k.
template <class At>
std::vector<Pair> risky_pairs(std::int64_t depth, At&& at) {
  std::vector<Pair> pairs;
  for (std::int64_t k = 0; k + 1 < depth; k += 2) {
    const int a = at(k), b = at(k + 1);
    const int high = 255 * (std::max(a, 0) + std::max(b, 0)), low = 255 * (std::min(a, 0) + std::min(b, 0));
    if (pair_loss(high) != 0 || pair_loss(low) != 0) pairs.push_back({k, k + 1, a, b});
  }
  return pairs;
}

void add_losses(const std::uint8_t* x0, const std::uint8_t* x1, int a, int b, std::int64_t count, std::int64_t stride,
                std::int32_t* loss) noexcept {
  if (stride == 1) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) loss[i] += pair_loss(x0[i] * a + x1[i] * b);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) loss[i] += pair_loss(x0[i * stride] * a + x1[i * stride] * b);
}

/// Element i as u8; s8 data is shifted by 128, as engines shift it.
std::vector<std::uint8_t> unsigned_data(const ir::Tensor& x) {
  const std::uint8_t shift = x.dtype() == DType::Int8 ? 128 : 0;
  const auto* from = static_cast<const std::uint8_t*>(static_cast<const void*>(x.raw()));
  std::vector<std::uint8_t> out(static_cast<std::size_t>(x.count()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(from[i] + shift);
  return out;
}

class Losses {
 public:
  explicit Losses(const EvalContext& c) : c_(c), data_(unsigned_data(c.inputs[kX])), w_(c.inputs[kW].data<std::int8_t>()) {
    x_scale_ = c.inputs[kXScale].to_floats().at(0) * c.attrs.real("alpha", 1.0f);
    w_scale_ = c.inputs[kWScale].to_floats();
    y_ = c.outputs[0].mutable_data<float>();
  }

  void of_convolution() {
    const auto shape = conv_shape(c_.attrs, c_.inputs[kX].shape(), c_.inputs[kW].shape());
    const Triple padded = padded_extents(shape.window);
    const auto images = pad(shape, padded);
    parallel_for(shape.out_channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m = begin; m < end; ++m) convolve_channel(shape, padded, images, m);
    });
  }

  void of_product(std::int64_t rows, std::int64_t depth, std::int64_t columns, bool x_turned, bool w_turned) {
    const auto turned = x_turned ? data_ : transposed(rows, depth);
    parallel_for(columns, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<std::int32_t> loss(static_cast<std::size_t>(rows));
      for (std::int64_t n = begin; n < end; ++n) {
        std::fill(loss.begin(), loss.end(), 0);
        for (const Pair& p : risky_pairs(depth, [&](auto k) { return w_[w_turned ? n * depth + k : k * columns + n]; }))
          add_losses(&turned[index(p.first * rows)], &turned[index(p.second * rows)], p.a, p.b, rows, 1, loss.data());
        for (std::int64_t m = 0; m < rows; ++m) y_[m * columns + n] = real(loss[index(m)], n);
      }
    });
  }

 private:
  static std::size_t index(std::int64_t i) noexcept { return static_cast<std::size_t>(i); }

  float real(std::int32_t loss, std::int64_t channel) const {
    return static_cast<float>(loss) * x_scale_ * w_scale_[w_scale_.size() == 1 ? 0 : index(channel)];
  }

  /// What the window reaches.
  static Triple padded_extents(const Window& w) {
    Triple extents;
    for (std::size_t d = 0; d < 3; ++d)
      extents[d] = (w.output[d] - 1) * w.strides[d] + (w.kernel[d] - 1) * w.dilations[d] + 1;
    return extents;
  }

  /// Borders hold the zero point, as in onnxruntime.
  std::vector<std::uint8_t> pad(const ConvShape& shape, const Triple& to) const {
    const Window& w = shape.window;
    int zero = c_.has(kXZero) ? static_cast<int>(c_.inputs[kXZero].to_int64s().at(0)) : 0;
    if (c_.inputs[kX].dtype() == DType::Int8) zero += 128;
    const std::int64_t planes = shape.images * shape.in_channels;
    std::vector<std::uint8_t> out(index(planes * to[0] * to[1] * to[2]), static_cast<std::uint8_t>(zero));
    const auto inside = [&](std::size_t d, std::int64_t at) { return at >= 0 && at < w.input[d]; };
    const std::int64_t left = std::max<std::int64_t>(0, w.pads_begin[2]);
    const std::int64_t right = std::min(to[2], w.input[2] + w.pads_begin[2]);
    for (std::int64_t row = 0; row < planes * to[0] * to[1]; ++row) {
      const std::int64_t h = row % to[1] - w.pads_begin[1], d = row / to[1] % to[0] - w.pads_begin[0];
      if (!inside(0, d) || !inside(1, h) || left >= right) continue;
      const std::int64_t from = ((row / to[1] / to[0] * w.input[0] + d) * w.input[1] + h) * w.input[2] - w.pads_begin[2];
      std::copy_n(data_.begin() + from + left, right - left, out.begin() + row * to[2] + left);
    }
    return out;
  }

  /// K runs over taps, then input channels: the order of an im2col with channels innermost, and for an even number of
  /// channels that of blocked layouts.
  void convolve_channel(const ConvShape& shape, const Triple& padded, const std::vector<std::uint8_t>& images,
                        std::int64_t m) {
    const Window& w = shape.window;
    const std::int64_t taps = w.kernel_count(), inputs = shape.in_channels / shape.groups, depth = taps * inputs;
    const std::int64_t size = padded[0] * padded[1] * padded[2], first = m / (shape.out_channels / shape.groups) * inputs;
    const auto pairs = risky_pairs(depth, [&](auto k) { return w_[m * depth + k % inputs * taps + k / inputs]; });
    const auto source = [&](std::int64_t k) {
      const std::int64_t tap = k / inputs, d = tap / (w.kernel[1] * w.kernel[2]), h = tap / w.kernel[2] % w.kernel[1];
      return (first + k % inputs) * size + d * w.dilations[0] * padded[1] * padded[2] + h * w.dilations[1] * padded[2] +
             tap % w.kernel[2] * w.dilations[2];
    };
    const std::int64_t count = w.output_count();
    std::vector<std::int32_t> loss(index(count));
    for (std::int64_t n = 0; n < shape.images; ++n) {
      std::fill(loss.begin(), loss.end(), 0);
      const std::uint8_t* image = images.data() + n * shape.in_channels * size;
      for (const Pair& p : pairs)
        for (std::int64_t row = 0; row < w.output[0] * w.output[1]; ++row) {
          const std::int64_t at =
              row / w.output[1] * w.strides[0] * padded[1] * padded[2] + row % w.output[1] * w.strides[1] * padded[2];
          add_losses(image + source(p.first) + at, image + source(p.second) + at, p.a, p.b, w.output[2], w.strides[2],
                     &loss[index(row * w.output[2])]);
        }
      float* to = y_ + (n * shape.out_channels + m) * count;
      for (std::int64_t i = 0; i < count; ++i) to[i] = real(loss[index(i)], m);
    }
  }

  std::vector<std::uint8_t> transposed(std::int64_t rows, std::int64_t depth) const {
    std::vector<std::uint8_t> out(data_.size());
    for (std::int64_t m = 0; m < rows; ++m)
      for (std::int64_t k = 0; k < depth; ++k) out[index(k * rows + m)] = data_[index(m * depth + k)];
    return out;
  }

  const EvalContext& c_;
  std::vector<std::uint8_t> data_;
  const std::int8_t* w_;
  float x_scale_ = 1;
  std::vector<float> w_scale_;
  float* y_ = nullptr;
};

struct Product {
  std::int64_t rows, depth, columns;
  bool x_turned, w_turned;
  ir::Shape output;
};

Product product_of(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w) {
  require(w.size() == 2 && !x.empty(), "a product takes a weight of rank 2 and data of rank 1 at least");
  const bool gemm = attrs.text("layout", "") == "gemm";
  Product p{1, 0, 0, gemm && attrs.integer("transA", 0) != 0, gemm && attrs.integer("transB", 0) != 0, x};
  p.depth = w[p.w_turned ? 1 : 0];
  p.columns = w[p.w_turned ? 0 : 1];
  if (p.x_turned) p.output = {x.back(), x.front()};
  require(p.output.back() == p.depth, fmt::format("data of depth {} found, expected {}", p.output.back(), p.depth));
  p.output.pop_back();
  p.rows = ir::element_count(p.output);
  p.output.push_back(p.columns);
  if (x.size() == 1) p.output = {p.columns};
  return p;
}

std::vector<OutputSpec> infer_pair_loss(const InferContext& c) {
  require((c.inputs[kX].dtype == DType::UInt8 || c.inputs[kX].dtype == DType::Int8) && c.inputs[kW].dtype == DType::Int8,
          "data of 8 bits and int8 weights expected");
  require(
      ir::element_count(c.inputs[kXScale].shape) == 1 && (!c.has(kXZero) || ir::element_count(c.inputs[kXZero].shape) == 1),
      "data has more than one scale or zero point");
  const ir::Shape &x = c.inputs[kX].shape, &w = c.inputs[kW].shape;
  const bool conv = c.attrs.text("layout", "") == "conv";
  const ir::Shape output = conv ? conv_shape(c.attrs, x, w).output : product_of(c.attrs, x, w).output;
  const std::int64_t scales = ir::element_count(c.inputs[kWScale].shape);
  require(scales == 1 || scales == (conv ? output.at(1) : output.back()), "weights have not one scale per output channel");
  return {{DType::Float, output}};
}

void eval_pair_loss(const EvalContext& c) {
  Losses losses(c);
  if (c.attrs.text("layout", "") == "conv") return losses.of_convolution();
  const Product p = product_of(c.attrs, c.inputs[kX].shape(), c.inputs[kW].shape());
  losses.of_product(p.rows, p.depth, p.columns, p.x_turned, p.w_turned);
}

}  // namespace

std::span<const OpInfo> saturation_rows() {
  static constexpr OpInfo kRows[] = {{.name = "inc.PairLoss",
                                      .min_inputs = 4,
                                      .max_inputs = 5,
                                      .weight_input = 2,
                                      .infer = infer_pair_loss,
                                      .eval = eval_pair_loss}};
  return kRows;
}

}  // namespace inc::ops
