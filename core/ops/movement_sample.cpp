#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/ops/movement.h"
#include "core/ops/window.h"

namespace inc::ops {
namespace {

enum class Border { Zeros, Edge, Reflection };

struct GridRule {
  std::string mode;
  Border border = Border::Zeros;
  bool align_corners = false;
  double low() const noexcept { return align_corners ? 0 : -0.5; }
  double high(std::int64_t n) const noexcept { return static_cast<double>(n) - (align_corners ? 1 : 0.5); }
};

double reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::abs(x < low ? low - x : x > high ? x - high : 0);
  if (distance == 0) return x;
  const double turns = std::floor(distance / range), rest = distance - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

/// Index of the element that stands at coordinate i, or -1 for zero.
std::int64_t element_at(const GridRule& rule, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  if (rule.border == Border::Zeros) return -1;
  if (rule.border == Border::Edge) return std::clamp<std::int64_t>(i, 0, n - 1);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(reflected(static_cast<double>(i), rule.low(), rule.high(n))), 0,
                                  n - 1);
}

struct Tap {
  std::int64_t index;
  double weight;
};

std::vector<Tap> grid_taps(const GridRule& rule, double normalized, std::int64_t n) {
  const auto length = static_cast<double>(n);
  double x = rule.align_corners ? (normalized + 1) / 2 * (length - 1) : ((normalized + 1) * length - 1) / 2;
  x = static_cast<double>(static_cast<float>(x));
  x = std::isfinite(x) ? std::clamp(x, -1e9, 1e9) : -1e9;
  if (rule.mode == "nearest") x = std::nearbyint(x);
  if (x < rule.low() || x > rule.high(n)) {
    if (rule.border == Border::Edge) x = std::clamp(x, 0.0, length - 1);
    if (rule.border == Border::Reflection) x = reflected(x, rule.low(), rule.high(n));
  }
  if (rule.mode == "nearest") return {{element_at(rule, static_cast<std::int64_t>(x), n), 1}};
  const double base = std::floor(x), t = x - base;
  const auto i = static_cast<std::int64_t>(base);
  if (rule.mode == "linear") return {{element_at(rule, i, n), 1 - t}, {element_at(rule, i + 1, n), t}};
  constexpr double a = -0.75;
  const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  return {{element_at(rule, i - 1, n), far(1 + t)},
          {element_at(rule, i, n), near(t)},
          {element_at(rule, i + 1, n), near(1 - t)},
          {element_at(rule, i + 2, n), far(2 - t)}};
}

GridRule grid_rule(const ir::Attrs& attrs) {
  GridRule rule;
  rule.mode = attrs.text("mode", "linear");
  if (rule.mode == "bilinear") rule.mode = "linear";
  if (rule.mode == "bicubic") rule.mode = "cubic";
  const std::string padding = attrs.text("padding_mode", "zeros");
  rule.border = padding == "border" ? Border::Edge : padding == "reflection" ? Border::Reflection : Border::Zeros;
  rule.align_corners = attrs.integer("align_corners") != 0;
  return rule;
}

std::vector<OutputSpec> infer_grid_sample(const InferContext& c) {
  const auto &x = c.inputs[0].shape, &grid = c.inputs[1].shape;
  require(
      x.size() >= 3 && grid.size() == x.size() && grid[0] == x[0] && grid.back() == static_cast<std::int64_t>(x.size()) - 2,
      fmt::format("grid {} found for an input {}", to_string(grid), to_string(x)));
  ir::Shape shape = {x[0], x[1]};
  shape.insert(shape.end(), grid.begin() + 1, grid.end() - 1);
  for (std::size_t d = 2; d < x.size(); ++d)
    require(x[d] > 0 || ir::element_count(shape) == 0, "an empty image cannot be sampled");
  return {{c.inputs[0].dtype, shape}};
}

template <class T>
double weighted(const T* plane, const ir::Shape& spatial, const std::vector<std::vector<Tap>>& taps, std::size_t axis,
                std::int64_t at) {
  if (axis == taps.size()) return static_cast<double>(wide(plane[at]));
  double sum = 0;
  for (const auto& tap : taps[axis])
    if (tap.index >= 0) sum += tap.weight * weighted(plane, spatial, taps, axis + 1, at * spatial[axis] + tap.index);
  return sum;
}

void eval_grid_sample(const EvalContext& c) {
  const GridRule rule = grid_rule(c.attrs);
  const auto& x = c.inputs[0].shape();
  const ir::Shape spatial(x.begin() + 2, x.end());
  const std::int64_t in = ir::element_count(spatial), points = product(c.outputs[0].shape(), 2, c.outputs[0].rank());
  const auto grid = cast(c.inputs[1], DType::Double);
  std::vector<std::vector<Tap>> taps(spatial.size());
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (std::int64_t n = 0; n < x[0]; ++n)
      for (std::int64_t p = 0; p < points; ++p) {
        const double* at = grid.data<double>() + (n * points + p) * static_cast<std::int64_t>(spatial.size());
        for (std::size_t d = 0; d < spatial.size(); ++d) taps[d] = grid_taps(rule, at[spatial.size() - 1 - d], spatial[d]);
        for (std::int64_t k = 0; k < x[1]; ++k)
          c.outputs[0].mutable_data<T>()[(n * x[1] + k) * points + p] =
              clamped<T>(weighted(c.inputs[0].data<T>() + (n * x[1] + k) * in, spatial, taps, 0, 0));
      }
  });
}

Support known_grid(const ir::Node& node, std::int64_t) {
  const std::string mode = node.attrs.text("mode", "linear"), padding = node.attrs.text("padding_mode", "zeros");
  for (const auto known : {"linear", "bilinear", "nearest", "cubic", "bicubic"})
    if (mode == known)
      return padding == "zeros" || padding == "border" || padding == "reflection"
                 ? Support::yes()
                 : Support::no(fmt::format("padding_mode '{}' is not a known one", padding));
  return Support::no(fmt::format("mode '{}' is not a known one", mode));
}

std::vector<OutputSpec> infer_affine_grid(const InferContext& c) {
  const auto size = known_integers(c, 1);
  const auto dims = static_cast<std::int64_t>(size.size()) - 2;
  require(dims == 2 || dims == 3, fmt::format("size {} found, expected [N, C, (D,) H, W]", to_string(size)));
  require(c.inputs[0].shape == ir::Shape{size[0], dims, dims + 1},
          fmt::format("theta {} found", to_string(c.inputs[0].shape)));
  ir::Shape shape(size.begin(), size.end());
  shape.erase(shape.begin() + 1);
  shape.push_back(dims);
  return {{c.inputs[0].dtype, shape}};
}

void eval_affine_grid(const EvalContext& c) {
  const ir::Shape shape = c.outputs[0].shape();
  const auto dims = static_cast<std::size_t>(shape.back());
  const bool align = c.attrs.integer("align_corners") != 0;
  const auto theta = cast(c.inputs[0], DType::Double);
  const auto place = [&](std::int64_t i, std::int64_t n) {
    const auto at = static_cast<double>(i), count = static_cast<double>(n);
    if (align) return n == 1 ? -1.0 : -1 + 2 * at / (count - 1);
    return -1 + (2 * at + 1) / count;
  };
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t point = 0; point < ir::element_count(shape) / static_cast<std::int64_t>(dims); ++point) {
      std::vector<double> at(dims);
      std::int64_t rest = point;
      for (std::size_t d = dims; d-- > 0; rest /= shape[d + 1]) at[dims - 1 - d] = place(rest % shape[d + 1], shape[d + 1]);
      const double* rows = theta.data<double>() + rest * static_cast<std::int64_t>(dims * (dims + 1));
      for (std::size_t r = 0; r < dims; ++r) {
        double sum = rows[r * (dims + 1) + dims];
        for (std::size_t k = 0; k < dims; ++k) sum += rows[r * (dims + 1) + k] * at[k];
        y[point * static_cast<std::int64_t>(dims) + static_cast<std::int64_t>(r)] = narrow<T>(sum);
      }
    }
  });
}

/// Col2Im: the image every window of which was taken out into a column.
Window columns_of(const ir::Attrs& attrs, const ir::Shape& image, const ir::Shape& block) {
  for (const auto dim : image) require(dim >= 0 && dim < 1 << 20, fmt::format("image {} found", to_string(image)));
  ir::Shape x = {1, 1};
  x.insert(x.end(), image.begin(), image.end());
  return window_of(attrs, x, block);
}

std::vector<OutputSpec> infer_col2im(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const auto image = known_integers(c, 1), block = known_integers(c, 2);
  require(image.size() == block.size() && x.size() == 3,
          fmt::format("image {} and block {} found for columns {}", to_string(image), to_string(block), to_string(x)));
  const Window w = columns_of(c.attrs, image, block);
  require(x[1] % w.kernel_count() == 0 && x[2] == w.output_count(),
          fmt::format("columns {} found, expected [N, C * {}, {}]", to_string(x), w.kernel_count(), w.output_count()));
  ir::Shape shape = {x[0], x[1] / w.kernel_count()};
  shape.insert(shape.end(), image.begin(), image.end());
  return {{c.inputs[0].dtype, shape}};
}

void add_columns(const Window& w, const double* columns, double* image) {
  for (std::int64_t tap = 0; tap < w.kernel_count(); ++tap) {
    const std::int64_t i = tap / (w.kernel[1] * w.kernel[2]), j = tap / w.kernel[2] % w.kernel[1], k = tap % w.kernel[2];
    const auto [d0, d1] = w.inside(0, i);
    const auto [h0, h1] = w.inside(1, j);
    const auto [w0, w1] = w.inside(2, k);
    for (std::int64_t d = d0; d < d1; ++d)
      for (std::int64_t h = h0; h < h1; ++h)
        for (std::int64_t v = w0; v < w1; ++v)
          image[(w.source(0, d, i) * w.input[1] + w.source(1, h, j)) * w.input[2] + w.source(2, v, k)] +=
              columns[tap * w.output_count() + (d * w.output[1] + h) * w.output[2] + v];
  }
}

void eval_col2im(const EvalContext& c) {
  const auto& y = c.outputs[0].shape();
  const Window w = columns_of(c.attrs, c.inputs[1].to_int64s(), c.inputs[2].to_int64s());
  const std::int64_t from = w.kernel_count() * w.output_count(), to = w.input_count();
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto columns = cast(c.inputs[0], DType::Double);
    for (std::int64_t p = 0; p < y[0] * y[1]; ++p) {
      std::vector<double> image(static_cast<std::size_t>(to), 0.0);
      add_columns(w, columns.data<double>() + p * from, image.data());
      for (std::int64_t i = 0; i < to; ++i)
        c.outputs[0].mutable_data<T>()[p * to + i] = clamped<T>(image[static_cast<std::size_t>(i)]);
    }
  });
}

}  // namespace

std::span<const OpInfo> sample_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "GridSample",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_grid_sample,
       .eval = eval_grid_sample,
       .supports = known_grid},
      {.name = "AffineGrid",
       .min_inputs = 2,
       .max_inputs = 2,
       .value_inputs = 2,
       .infer = infer_affine_grid,
       .eval = eval_affine_grid},
      {.name = "Col2Im", .min_inputs = 3, .max_inputs = 3, .value_inputs = 6, .infer = infer_col2im, .eval = eval_col2im},
  };
  return kRows;
}

}  // namespace inc::ops
