#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/ops/movement.h"
#include "core/ops/resize.h"

namespace inc::ops {
namespace {

struct Axis {
  std::int64_t input = 0, output = 0;
  double scale = 1, roi_begin = 0, roi_end = 1;
  bool identity() const noexcept { return scale == 1 && input == output && roi_begin == 0 && roi_end == 1; }
};

struct Request {
  std::vector<Axis> axes;
  std::string mode, coordinates, nearest;
  double cubic = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false;
};

template <class Context>
const ir::Tensor* value_of(const Context& c, std::size_t i) {
  if (!c.has(i)) return nullptr;
  if constexpr (std::is_same_v<Context, EvalContext>) {
    return c.inputs[i].count() == 0 ? nullptr : &c.inputs[i];
  } else {
    if (ir::element_count(c.inputs[i].shape) == 0) return nullptr;
    if (c.inputs[i].value == nullptr)
      throw ModelError(fmt::format("the output shape depends on the value of input {}, which is not known", i));
    return c.inputs[i].value;
  }
}

void apply_scales(Request& r, const std::vector<std::size_t>& named, const std::vector<double>& scales) {
  require(scales.size() == named.size(), fmt::format("{} scales found, expected {}", scales.size(), named.size()));
  for (std::size_t i = 0; i < named.size(); ++i) {
    Axis& a = r.axes[named[i]];
    require(scales[i] > 0 && std::isfinite(scales[i]), fmt::format("scale {} found, expected a positive number", scales[i]));
    a.scale = scales[i];
    const bool cropped = r.coordinates == "tf_crop_and_resize";
    const double length = std::floor(static_cast<double>(a.input) * (cropped ? a.roi_end - a.roi_begin : 1.0) * a.scale);
    require(length >= 0 && length < 1e12, fmt::format("an axis of {} elements cannot be resized by {}", a.input, a.scale));
    a.output = static_cast<std::int64_t>(length);
  }
}

void apply_sizes(Request& r, const std::vector<std::size_t>& named, const std::vector<std::int64_t>& sizes,
                 const std::string& policy) {
  require(sizes.size() == named.size(), fmt::format("{} sizes found, expected {}", sizes.size(), named.size()));
  double common = policy == "not_larger" ? std::numeric_limits<double>::infinity() : 0;
  for (std::size_t i = 0; i < named.size(); ++i) {
    Axis& a = r.axes[named[i]];
    require(sizes[i] >= 0, fmt::format("size {} found, expected at least 0", sizes[i]));
    a.output = sizes[i];
    a.scale = a.input == 0 ? 1.0 : static_cast<double>(a.output) / static_cast<double>(a.input);
    common = policy == "not_larger" ? std::min(common, a.scale) : std::max(common, a.scale);
  }
  if (policy == "stretch") return;
  require(policy == "not_larger" || policy == "not_smaller",
          fmt::format("keep_aspect_ratio_policy '{}' found, expected stretch, not_larger or not_smaller", policy));
  for (const auto d : named) {
    r.axes[d].scale = common;
    r.axes[d].output = static_cast<std::int64_t>(std::floor(common * static_cast<double>(r.axes[d].input) + 0.5));
  }
}

template <class Context>
Request request_of(const Context& c, const ir::Shape& x, bool upsample) {
  Request r;
  const bool early = upsample || c.opset < 11;
  r.mode = c.attrs.text("mode", "nearest");
  r.coordinates = c.attrs.text("coordinate_transformation_mode", early ? "asymmetric" : "half_pixel");
  r.nearest = c.attrs.text("nearest_mode", early ? "floor" : "round_prefer_floor");
  r.cubic = static_cast<double>(c.attrs.real("cubic_coeff_a", -0.75f));
  r.extrapolation = static_cast<double>(c.attrs.real("extrapolation_value", 0));
  r.exclude_outside = c.attrs.integer("exclude_outside") != 0;
  r.antialias = c.attrs.integer("antialias") != 0;
  for (const auto dim : x) r.axes.push_back({dim, dim});
  std::vector<std::int64_t> wanted(x.size());
  std::iota(wanted.begin(), wanted.end(), 0);
  wanted = c.attrs.integers("axes", wanted);
  normal_axes(wanted, static_cast<int>(x.size()));
  std::vector<std::size_t> named;
  for (const auto a : wanted) named.push_back(static_cast<std::size_t>(normal_axis(a, static_cast<int>(x.size()))));
  if (r.coordinates == "tf_crop_and_resize") {
    const auto* roi = value_of(c, 1);
    require(roi != nullptr && roi->count() == static_cast<std::int64_t>(2 * named.size()),
            "tf_crop_and_resize needs a region of interest");
    const auto bounds = to_doubles(*roi);
    for (std::size_t i = 0; i < named.size(); ++i) {
      r.axes[named[i]].roi_begin = bounds[i];
      r.axes[named[i]].roi_end = bounds[named.size() + i];
    }
  }
  const auto* scales = value_of(c, early ? 1 : 2);
  const auto* sizes = early ? nullptr : value_of(c, 3);
  require((scales == nullptr) != (sizes == nullptr), "exactly one of scales and sizes is expected");
  if (scales != nullptr)
    apply_scales(r, named, to_doubles(*scales));
  else
    apply_sizes(r, named, sizes->to_int64s(), c.attrs.text("keep_aspect_ratio_policy", "stretch"));
  return r;
}

double coordinate(const Request& r, const Axis& a, double out) {
  const auto in = static_cast<double>(a.input);
  const double length = a.scale * in;
  const std::string& mode = r.coordinates;
  if (mode == "align_corners") return length == 1 ? 0 : out * (in - 1) / (length - 1);
  if (mode == "asymmetric") return out / a.scale;
  if (mode == "pytorch_half_pixel" && length == 1) return -0.5;
  if (mode == "tf_crop_and_resize") {
    const double extent = (a.roi_end - a.roi_begin) * (in - 1);
    return a.roi_begin * (in - 1) + (a.output == 1 ? extent / 2 : out * extent / static_cast<double>(a.output - 1));
  }
  const double shift = mode == "half_pixel_symmetric" ? in / 2 * (1 - static_cast<double>(a.output) / length) : 0;
  return shift + (out + 0.5) / a.scale - 0.5;
}

struct Tap {
  std::int64_t index;
  double weight;
};

double cubic_weight(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

std::int64_t nearest_index(double x, const std::string& how) {
  if (how == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (how == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  return static_cast<std::int64_t>(how == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5));
}

/// The input elements one output element is made of; indices may lie outside until they are clamped.
std::vector<Tap> taps_at(const Request& r, const Axis& a, double x) {
  if (r.mode == "nearest") return {{std::clamp<std::int64_t>(nearest_index(x, r.nearest), 0, a.input - 1), 1}};
  const double radius = r.mode == "cubic" ? 2 : 1;
  const double shrink = r.antialias ? std::min(a.scale, 1.0) : 1.0;
  std::vector<Tap> taps;
  double sum = 0;
  for (auto i = static_cast<std::int64_t>(std::floor(x - radius / shrink)); static_cast<double>(i) <= x + radius / shrink;
       ++i) {
    const double t = (static_cast<double>(i) - x) * shrink;
    double weight = r.mode == "cubic" ? cubic_weight(t, r.cubic) : std::max(0.0, 1 - std::abs(t));
    if (r.exclude_outside && (i < 0 || i >= a.input)) weight = 0;
    if (weight == 0) continue;
    sum += weight;
    taps.push_back({std::clamp<std::int64_t>(i, 0, a.input - 1), weight});
  }
  if (r.antialias || r.exclude_outside)
    for (auto& tap : taps) tap.weight /= sum == 0 ? 1 : sum;
  return taps;
}

std::vector<double> resize_axis(const Request& r, const std::vector<double>& x, const ir::Shape& shape, std::size_t axis) {
  const Axis& a = r.axes[axis];
  const AxisView from(shape, static_cast<int>(axis));
  ir::Shape resized = shape;
  resized[axis] = a.output;
  const AxisView to(resized, static_cast<int>(axis));
  std::vector<double> y(static_cast<std::size_t>(ir::element_count(resized)), 0.0);
  for (std::int64_t k = 0; k < a.output; ++k) {
    const double at = coordinate(r, a, static_cast<double>(k));
    const bool outside = r.coordinates == "tf_crop_and_resize" && !(at >= 0 && at <= static_cast<double>(a.input - 1));
    const auto taps = outside ? std::vector<Tap>{} : taps_at(r, a, at);
    for (std::int64_t o = 0; o < from.outer; ++o) {
      double* out = y.data() + to.at(o, k, 0);
      if (outside) std::fill(out, out + to.inner, r.extrapolation);
      for (const auto& tap : taps) {
        const double* in = x.data() + from.at(o, tap.index, 0);
        for (std::int64_t i = 0; i < to.inner; ++i) out[i] += tap.weight * in[i];
      }
    }
  }
  return y;
}

void resize(const EvalContext& c, const Request& r) {
  if (c.outputs[0].count() == 0) return;
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    std::vector<double> data;
    for (const T v : c.inputs[0].values<T>()) data.push_back(static_cast<double>(wide(v)));
    ir::Shape shape = c.inputs[0].shape();
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (r.axes[d].identity()) continue;
      data = resize_axis(r, data, shape, d);
      shape[d] = r.axes[d].output;
    }
    T* y = c.outputs[0].mutable_data<T>();
    for (std::size_t i = 0; i < data.size(); ++i) y[i] = clamped<T>(data[i]);
  });
}

template <bool kUpsample>
std::vector<OutputSpec> infer_resize(const InferContext& c) {
  const Request r = request_of(c, c.inputs[0].shape, kUpsample);
  ir::Shape shape;
  for (const auto& a : r.axes) {
    require(a.input > 0 || a.output == 0, "an empty axis cannot be extended");
    shape.push_back(a.output);
  }
  return {{c.inputs[0].dtype, shape}};
}

template <bool kUpsample>
void eval_resize(const EvalContext& c) {
  resize(c, request_of(c, c.inputs[0].shape(), kUpsample));
}

Support known_form(const ir::Node& node, std::int64_t) {
  const auto one_of = [&](std::string_view name, std::string_view otherwise, std::initializer_list<std::string_view> known) {
    const std::string value = node.attrs.text(name, otherwise);
    return std::find(known.begin(), known.end(), value) != known.end()
               ? Support::yes()
               : Support::no(fmt::format("{} '{}' is not a known one", name, value));
  };
  if (auto s = one_of("mode", "nearest", {"nearest", "linear", "cubic", "bilinear"}); !s) return s;
  if (auto s = one_of("nearest_mode", "floor", {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}); !s) return s;
  if (node.attrs.integer("antialias") != 0 && node.attrs.text("mode", "nearest") == "nearest")
    return Support::no("antialias with mode nearest");
  return one_of(
      "coordinate_transformation_mode", "half_pixel",
      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"});
}

}  // namespace

std::optional<std::vector<ResizedAxis>> resized_axes(const ir::Node& node, const InferContext& context) {
  const bool upsample = node.op == "Upsample";
  for (std::size_t i = 1; i < context.inputs.size(); ++i)
    if (context.has(i) && context.inputs[i].value == nullptr) return std::nullopt;
  const Request r = request_of(context, context.inputs[0].shape, upsample);
  if (r.coordinates == "tf_crop_and_resize") return std::nullopt;
  std::vector<ResizedAxis> axes;
  for (std::size_t d = 0; d < r.axes.size(); ++d) {
    if (r.axes[d].identity()) continue;
    ResizedAxis& made = axes.emplace_back();
    made.axis = d;
    made.first.push_back(0);
    for (std::int64_t k = 0; k < r.axes[d].output; ++k) {
      for (const Tap& tap : taps_at(r, r.axes[d], coordinate(r, r.axes[d], static_cast<double>(k)))) {
        made.index.push_back(tap.index);
        made.weight.push_back(static_cast<float>(tap.weight));
      }
      made.first.push_back(static_cast<std::int64_t>(made.index.size()));
    }
  }
  return axes;
}

std::span<const OpInfo> resize_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Resize",
       .max_inputs = 4,
       .quant = QuantRole::PassThrough,
       .bf16 = Bf16Policy::Infer,
       .value_inputs = 0xe,
       .infer = infer_resize<false>,
       .eval = eval_resize<false>,
       .supports = known_form},
      {.name = "Upsample",
       .min_inputs = 2,
       .max_inputs = 2,
       .quant = QuantRole::PassThrough,
       .value_inputs = 2,
       .infer = infer_resize<true>,
       .eval = eval_resize<true>,
       .supports = known_form},
  };
  return kRows;
}

}  // namespace inc::ops
