#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/pool.h"
#include "core/ops/window.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_roi_align(const InferContext& c) {
  const auto &x = c.inputs[0].shape, &rois = c.inputs[1].shape;
  require(x.size() == 4 && rois.size() == 2 && rois[1] == 4 && c.inputs[2].shape == ir::Shape{rois[0]},
          fmt::format("regions {} found for an input {}", to_string(rois), to_string(x)));
  require((x[2] > 0 && x[3] > 0) || rois[0] == 0, "an empty image cannot be sampled");
  require(c.attrs.integer("output_height", 1) > 0 && c.attrs.integer("output_width", 1) > 0 &&
              c.attrs.integer("sampling_ratio") < 1 << 20,
          "output size or sampling_ratio out of range");
  return {{c.inputs[0].dtype, {rois[0], x[1], c.attrs.integer("output_height", 1), c.attrs.integer("output_width", 1)}}};
}

struct Corner {
  std::int64_t at;
  double weight;
};

/// The four pixels around (y, x) with their bilinear weights; all zero outside the image.
std::array<Corner, 4> corners(double y, double x, std::int64_t height, std::int64_t width) {
  if (y < -1 || y > static_cast<double>(height) || x < -1 || x > static_cast<double>(width)) return {};
  const auto settle = [](double& v, std::int64_t n) {
    v = std::clamp(v, 0.0, static_cast<double>(n - 1));
    return std::min(static_cast<std::int64_t>(v), n - 1);
  };
  const std::int64_t top = settle(y, height), left = settle(x, width);
  const std::int64_t bottom = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
  const double down = y - static_cast<double>(top), across = x - static_cast<double>(left);
  return {Corner{top * width + left, (1 - down) * (1 - across)}, Corner{top * width + right, (1 - down) * across},
          Corner{bottom * width + left, down * (1 - across)}, Corner{bottom * width + right, down * across}};
}

struct Bins {
  double start, size;
  std::int64_t samples;
  double at(std::int64_t bin, std::int64_t i) const noexcept {
    return start + static_cast<double>(bin) * size + (static_cast<double>(i) + 0.5) * size / static_cast<double>(samples);
  }
};

Bins bins_of(double begin, double end, std::int64_t count, std::int64_t ratio, bool at_least_one) {
  const double extent = at_least_one ? std::max(end - begin, 1.0) : end - begin;
  const double size = extent / static_cast<double>(count);
  require(std::isfinite(begin) && std::abs(size) < 1e6, fmt::format("region bounds {} and {} found", begin, end));
  return {begin, size, ratio > 0 ? ratio : std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(size)))};
}

template <class T>
double pooled(const T* image, const Bins& rows, const Bins& columns, std::int64_t ph, std::int64_t pw, const ir::Shape& x,
              bool average) {
  double sum = 0, best = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < rows.samples; ++i)
    for (std::int64_t j = 0; j < columns.samples; ++j)
      for (const auto& corner : corners(rows.at(ph, i), columns.at(pw, j), x[2], x[3])) {
        const double part = corner.weight * static_cast<double>(wide(image[corner.at]));
        sum += part;
        best = std::max(best, part);
      }
  const std::int64_t samples = rows.samples * columns.samples;
  if (average) return sum / static_cast<double>(std::max<std::int64_t>(1, samples));
  return samples == 0 ? 0 : best;
}

void eval_roi_align(const EvalContext& c) {
  const auto &x = c.inputs[0].shape(), &y = c.outputs[0].shape();
  const auto scale = static_cast<double>(c.attrs.real("spatial_scale", 1));
  const std::int64_t ratio = c.attrs.integer("sampling_ratio");
  const bool average = c.attrs.text("mode", "avg") == "avg";
  const bool half =
      c.attrs.text("coordinate_transformation_mode", c.opset < 16 ? "output_half_pixel" : "half_pixel") == "half_pixel";
  const double offset = half ? 0.5 : 0;
  const auto batches = c.inputs[2].to_int64s();
  const auto rois = cast(c.inputs[1], DType::Double);
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* out = c.outputs[0].mutable_data<T>();
    for (std::int64_t r = 0; r < y[0]; ++r) {
      const std::int64_t n = batches[static_cast<std::size_t>(r)];
      require(n >= 0 && n < x[0], fmt::format("batch index {} found, expected one in [0, {})", n, x[0]));
      const double* roi = rois.data<double>() + r * 4;
      const Bins columns = bins_of(roi[0] * scale - offset, roi[2] * scale - offset, y[3], ratio, !half);
      const Bins rows = bins_of(roi[1] * scale - offset, roi[3] * scale - offset, y[2], ratio, !half);
      for (std::int64_t k = 0; k < x[1]; ++k)
        for (std::int64_t h = 0; h < y[2]; ++h)
          for (std::int64_t w = 0; w < y[3]; ++w)
            *out++ =
                narrow<T>(pooled(c.inputs[0].data<T>() + (n * x[1] + k) * x[2] * x[3], rows, columns, h, w, x, average));
    }
  });
}

Support known_roi_mode(const ir::Node& node, std::int64_t) {
  const std::string mode = node.attrs.text("mode", "avg");
  return mode == "avg" || mode == "max" ? Support::yes() : Support::no(fmt::format("mode '{}' is not avg or max", mode));
}

std::vector<OutputSpec> infer_max_unpool(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const auto kernel = c.attrs.integers("kernel_shape");
  require(x.size() == kernel.size() + 2 && c.inputs[1].shape == x,
          fmt::format("indices {} found for {}", to_string(c.inputs[1].shape), to_string(x)));
  if (c.has(2)) {
    const auto wanted = known_integers(c, 2);
    require(wanted.size() == x.size(), fmt::format("output_shape {} found for {}", to_string(wanted), to_string(x)));
    return {{c.inputs[0].dtype, wanted}};
  }
  const auto strides = spatial_attribute(c.attrs, "strides", kernel.size(), 1, 1);
  const auto pads = spatial_attribute(c.attrs, "pads", 2 * kernel.size(), 0, 0);
  ir::Shape shape = {x[0], x[1]};
  for (std::size_t i = 0; i < kernel.size(); ++i)
    shape.push_back((x[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[i + kernel.size()]);
  return {{c.inputs[0].dtype, shape}};
}

/// The indices belong to the shape without output_shape; the values are then placed at its origin.
void eval_max_unpool(const EvalContext& c) {
  ir::Attrs attrs = c.attrs;
  const std::vector<Spec> specs = {{c.inputs[0].dtype(), c.inputs[0].shape(), nullptr, true},
                                   {DType::Int64, c.inputs[1].shape(), nullptr, true}};
  const ir::Shape natural = infer_max_unpool({attrs, specs, c.opset, 1})[0].shape;
  const auto indices = c.inputs[1].to_int64s();
  const Strides own = strides_of(natural), target = strides_of(c.outputs[0].shape());
  const std::int64_t limit = ir::element_count(natural);
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* y = c.outputs[0].mutable_data<T>();
    std::fill(y, y + c.outputs[0].count(), T{});
    for (std::size_t i = 0; i < indices.size(); ++i) {
      require(indices[i] >= 0 && indices[i] < limit,
              fmt::format("index {} found, expected one in [0, {})", indices[i], limit));
      std::int64_t at = 0, rest = indices[i];
      bool inside = true;
      for (std::size_t d = 0; d < own.size(); rest %= own[d], ++d) {
        inside = inside && rest / own[d] < c.outputs[0].shape()[d];
        at += rest / own[d] * target[d];
      }
      if (inside) y[at] = c.inputs[0].data<T>()[i];
    }
  });
}

}  // namespace

std::span<const OpInfo> region_pool_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "RoiAlign",
       .min_inputs = 3,
       .max_inputs = 3,
       .infer = infer_roi_align,
       .eval = eval_roi_align,
       .supports = known_roi_mode},
      {.name = "MaxUnpool",
       .min_inputs = 2,
       .max_inputs = 3,
       .value_inputs = 4,
       .infer = infer_max_unpool,
       .eval = eval_max_unpool},
  };
  return kRows;
}

}  // namespace inc::ops
