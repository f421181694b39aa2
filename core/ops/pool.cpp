#include "core/ops/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/parallel.h"
#include "core/ops/families.h"
#include "core/ops/window.h"

namespace inc::ops {
namespace {

Window pool_window(const ir::Attrs& attrs, const ir::Shape& x) {
  const auto kernel = attrs.integers("kernel_shape");
  require(!kernel.empty(), "the attribute kernel_shape is missing");
  return window_of(attrs, x, kernel);
}

/// The window of the global pools covers the image.
Window global_window(const ir::Shape& x) {
  require(x.size() >= 2, fmt::format("input {} found, expected [N, C, spatial]", to_string(x)));
  const std::int64_t count = product(x, 2, static_cast<int>(x.size()));
  require(count > 0 || ir::element_count(x) == 0, "an empty image has no extremum and no mean");
  return window_of({}, {x[0], x[1], count}, {std::max<std::int64_t>(1, count)});
}

std::vector<OutputSpec> infer_pool(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const Window w = pool_window(c.attrs, x);
  ir::Shape shape = {x[0], x[1]};
  const auto spatial = w.output_shape();
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return {{c.inputs[0].dtype, shape}};
}

std::vector<OutputSpec> infer_max_pool(const InferContext& c) {
  auto outputs = infer_pool(c);
  if (c.output_count > 1) outputs.push_back({DType::Int64, outputs[0].shape});
  return outputs;
}

std::vector<OutputSpec> infer_global(const InferContext& c) {
  global_window(c.inputs[0].shape);
  ir::Shape shape = c.inputs[0].shape;
  std::fill(shape.begin() + 2, shape.end(), 1);
  return {{c.inputs[0].dtype, shape}};
}

/// Calls fn(input offset) for the elements of the window at output position (d, h, v).
template <class Fn>
void for_window(const Window& w, const Triple& at, Fn&& fn) {
  for (std::int64_t i = 0; i < w.kernel[0]; ++i) {
    const std::int64_t d = w.source(0, at[0], i);
    if (d < 0 || d >= w.input[0]) continue;
    for (std::int64_t j = 0; j < w.kernel[1]; ++j) {
      const std::int64_t h = w.source(1, at[1], j);
      if (h < 0 || h >= w.input[1]) continue;
      for (std::int64_t k = 0; k < w.kernel[2]; ++k) {
        const std::int64_t v = w.source(2, at[2], k);
        if (v >= 0 && v < w.input[2]) fn((d * w.input[1] + h) * w.input[2] + v);
      }
    }
  }
}

/// Calls fn(input plane, output index, output position) for every output element.
template <class Fn>
void for_outputs(const Window& w, std::int64_t planes, Fn&& fn) {
  parallel_for(planes, std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, w.output_count())),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t p = begin; p < end; ++p)
                   for (std::int64_t i = 0; i < w.output_count(); ++i)
                     fn(p, p * w.output_count() + i,
                        Triple{i / (w.output[1] * w.output[2]), i / w.output[2] % w.output[1], i % w.output[2]});
               });
}

std::int64_t plane_count(const ir::Shape& x) {
  return x[0] * x[1];
}

void max_pool(const EvalContext& c, const Window& w, bool column_major) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    std::int64_t* indices = c.outputs.size() > 1 ? c.outputs[1].mutable_data<std::int64_t>() : nullptr;
    for_outputs(w, plane_count(c.inputs[0].shape()), [&](std::int64_t plane, std::int64_t out, const Triple& at) {
      std::int64_t best = -1;
      const T* image = x + plane * w.input_count();
      for_window(w, at, [&](std::int64_t i) {
        if (best < 0 || wide(image[i]) > wide(image[best]) ||
            (wide(image[i]) != wide(image[i]) && wide(image[best]) == wide(image[best])))
          best = i;
      });
      if constexpr (std::is_integral_v<T>)
        y[out] = best < 0 ? std::numeric_limits<T>::lowest() : image[best];
      else
        y[out] = best < 0 ? narrow<T>(-std::numeric_limits<double>::infinity()) : image[best];
      if (indices == nullptr) return;
      const std::int64_t d = best / (w.input[1] * w.input[2]), h = best / w.input[2] % w.input[1], v = best % w.input[2];
      indices[out] = plane * w.input_count() + (column_major ? (v * w.input[1] + h) * w.input[0] + d : best);
    });
  });
}

void eval_max_pool(const EvalContext& c) {
  max_pool(c, pool_window(c.attrs, c.inputs[0].shape()), c.attrs.integer("storage_order") != 0);
}

void eval_global_max_pool(const EvalContext& c) {
  max_pool(c, global_window(c.inputs[0].shape()), false);
}

/// The window's elements that lie in the padded input; a window may hang over its end with ceil_mode.
std::int64_t padded_count(const Window& w, const Triple& at) {
  std::int64_t count = 1;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t room = w.input[d] + w.pads_end[d] - w.source(d, at[d], 0);
    count *= std::clamp<std::int64_t>((room + w.dilations[d] - 1) / w.dilations[d], 0, w.kernel[d]);
  }
  return count;
}

void average_pool(const EvalContext& c, const Window& w, bool include_pads) {
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for_outputs(w, plane_count(c.inputs[0].shape()), [&](std::int64_t plane, std::int64_t out, const Triple& at) {
      double sum = 0;
      std::int64_t count = 0;
      for_window(w, at, [&](std::int64_t i) {
        sum += static_cast<double>(wide(x[plane * w.input_count() + i]));
        ++count;
      });
      if (include_pads) count = padded_count(w, at);
      y[out] = narrow<T>(count == 0 ? 0.0 : sum / static_cast<double>(count));
    });
  });
}

void eval_average_pool(const EvalContext& c) {
  average_pool(c, pool_window(c.attrs, c.inputs[0].shape()), c.attrs.integer("count_include_pad") != 0);
}

void eval_global_average_pool(const EvalContext& c) {
  average_pool(c, global_window(c.inputs[0].shape()), false);
}

void lp_pool(const EvalContext& c, const Window& w) {
  const auto p = static_cast<double>(c.attrs.integer("p", 2));
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for_outputs(w, plane_count(c.inputs[0].shape()), [&](std::int64_t plane, std::int64_t out, const Triple& at) {
      double sum = 0;
      for_window(w, at, [&](std::int64_t i) {
        sum += std::pow(std::abs(static_cast<double>(wide(x[plane * w.input_count() + i]))), p);
      });
      y[out] = narrow<T>(std::pow(sum, 1 / p));
    });
  });
}

void eval_lp_pool(const EvalContext& c) {
  lp_pool(c, pool_window(c.attrs, c.inputs[0].shape()));
}
void eval_global_lp_pool(const EvalContext& c) {
  lp_pool(c, global_window(c.inputs[0].shape()));
}

constexpr OpInfo row(std::string_view name, QuantRole quant, decltype(OpInfo::infer) infer, decltype(OpInfo::eval) eval,
                     Bf16Policy bf16 = Bf16Policy::Infer) {
  return {.name = name, .quant = quant, .bf16 = bf16, .infer = infer, .eval = eval};
}

}  // namespace

std::span<const OpInfo> window_pool_rows() {
  using enum QuantRole;
  static constexpr OpInfo kRows[] = {
      row("MaxPool", PassThrough, infer_max_pool, eval_max_pool),
      row("AveragePool", PassThrough, infer_pool, eval_average_pool),
      row("LpPool", Float, infer_pool, eval_lp_pool, Bf16Policy::Deny),
      row("GlobalMaxPool", PassThrough, infer_global, eval_global_max_pool),
      row("GlobalAveragePool", PassThrough, infer_global, eval_global_average_pool),
      row("GlobalLpPool", Float, infer_global, eval_global_lp_pool, Bf16Policy::Deny),
  };
  return kRows;
}

std::span<const OpInfo> pool_rows() noexcept {
  static const std::vector<OpInfo> rows = [] {
    std::vector<OpInfo> all;
    for (const auto group : {window_pool_rows(), region_pool_rows()}) all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

}  // namespace inc::ops
