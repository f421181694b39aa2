// Speed of kernels/integer beside the library: the same convolutions and products with 8-bit and with FP32 operands.
// Prints GOP/s, the best of alternating rounds, for one thread. INC_MAX_ISA caps both.
//   bench_integer [rounds [part of a row's name]]
#include "kernels/integer/integer.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"

namespace {

using namespace inc;
using std::int64_t;
using DataType = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

struct Row {
  std::string name;
  int64_t size, channels, out, kernel, stride;
};

const std::vector<Row> kRows{
    {"resnet50 56x56 64-64 1x1", 56, 64, 64, 1, 1},
    {"resnet50 56x56 64-256 1x1", 56, 64, 256, 1, 1},
    {"resnet50 56x56 64-64 3x3", 56, 64, 64, 3, 1},
    {"resnet50 28x28 512-128 1x1", 28, 512, 128, 1, 1},
    {"resnet50 28x28 128-128 3x3", 28, 128, 128, 3, 1},
    {"resnet50 28x28 512-1024 1x1 /2", 28, 512, 1024, 1, 2},
    {"resnet50 14x14 256-256 3x3", 14, 256, 256, 3, 1},
    {"resnet50 14x14 1024-256 1x1", 14, 1024, 256, 1, 1},
    {"resnet50 14x14 256-1024 1x1", 14, 256, 1024, 1, 1},
    {"resnet50 7x7 512-512 3x3", 7, 512, 512, 3, 1},
    {"resnet50 7x7 2048-512 1x1", 7, 2048, 512, 1, 1},
    {"resnet50 224x224 3-64 7x7 /2", 224, 3, 64, 7, 2},
    {"mobilenet 112x112 16-96 1x1", 112, 16, 96, 1, 1},
    {"mobilenet 56x56 144-24 1x1", 56, 144, 24, 1, 1},
    {"mobilenet 28x28 32-192 1x1", 28, 32, 192, 1, 1},
    {"mobilenet 14x14 96-576 1x1", 14, 96, 576, 1, 1},
    {"mobilenet 7x7 960-160 1x1", 7, 960, 160, 1, 1},
    {"vgg 224x224 64-64 3x3", 224, 64, 64, 3, 1},
    {"vgg 56x56 256-256 3x3", 56, 256, 256, 3, 1},
    {"vgg 14x14 512-512 3x3", 14, 512, 512, 3, 1},
    {"bert 128x768x768", 0, 768, 768, 128, 1},
    {"bert 128x768x3072", 0, 768, 3072, 128, 1},
    {"bert 128x3072x768", 0, 3072, 768, 128, 1},
    {"row 1x4096x4096", 0, 4096, 4096, 1, 1},
    {"resnet50 56x56 128-128 3x3 /2", 56, 128, 128, 3, 2},
    {"resnet50 28x28 256-256 3x3 /2", 28, 256, 256, 3, 2},
    {"resnet50 14x14 512-512 3x3 /2", 14, 512, 512, 3, 2},
    {"vgg 28x28 512-512 3x3", 28, 512, 512, 3, 1},
    {"vgg 112x112 128-128 3x3", 112, 128, 128, 3, 1},
    {"rows 16x768x3072", 0, 768, 3072, 16, 1},
    {"rows 32x768x768", 0, 768, 768, 32, 1},
    {"rows 2x768x768", 0, 768, 768, 2, 1},
    {"rows 4x768x3072", 0, 768, 3072, 4, 1},
};

using Run = std::function<void()>;

template <class T>
std::vector<T> random_numbers(int64_t count, int low, int high) {
  Rng rng(static_cast<std::uint64_t>(count));
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) v = static_cast<T>(low + static_cast<int>(rng.uniform() * (high - low + 1)));
  return values;
}

struct Geometry {
  kernels::IntegerShape s;
  bool product;
};

Geometry geometry(const Row& row) {
  Geometry g{{}, row.size == 0};
  g.s.channels = row.channels;
  g.s.out_channels = row.out;
  if (g.product) {
    g.s.images = row.kernel;
    return g;
  }
  g.s.height = g.s.width = row.size;
  g.s.kernel_height = g.s.kernel_width = row.kernel;
  g.s.stride_height = g.s.stride_width = row.stride;
  g.s.top = g.s.left = row.kernel / 2;
  g.s.out_height = g.s.out_width = (row.size + 2 * g.s.top - row.kernel) / row.stride + 1;
  return g;
}

/// Aligned as the engine aligns.
class Buffer {
 public:
  void resize(std::size_t bytes) { storage_.reset(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64))); }
  std::byte* data() const { return storage_.get(); }

 private:
  std::unique_ptr<std::byte, void (*)(void*)> storage_{nullptr, std::free};
};

struct Ours {
  kernels::IntegerPlan plan;
  Buffer src, packed, dst, workspace;
  std::vector<float> scale, bias;
};

/// Normally distributed, neighbours within 128.
std::vector<std::int8_t> bounded_weights(int64_t out, int64_t inner, int64_t area) {
  Rng rng(7);
  std::vector<std::int8_t> weights;
  for (int64_t i = 0; i < out * inner * area; ++i) {
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += rng.uniform();
    weights.push_back(static_cast<std::int8_t>(std::clamp(std::lround(30 * sum), -64l, 64l)));
  }
  return weights;
}

enum class Weights { Bounded, Full, Wide };

Run ours(const Geometry& g, Weights kind) {
  auto o = std::make_shared<Ours>();
  const auto& s = g.s;
  const auto numbers = random_numbers<std::byte>(s.images * s.height * s.width * s.channels, 0, 255);
  o->src.resize(numbers.size());
  std::copy(numbers.begin(), numbers.end(), o->src.data());
  const int64_t area = s.kernel_height * s.kernel_width;
  const auto numbers8 = kind == Weights::Bounded ? bounded_weights(s.out_channels, s.channels, area)
                                                 : random_numbers<std::int8_t>(s.out_channels * s.channels * area, -128, 127);
  const kernels::IntegerWeights weights{numbers8.data(), s.channels * area, area, s.kernel_width, 1, 0};
  o->plan = kernels::plan_integers(s, kind == Weights::Wide, weights);
  o->packed.resize(o->plan.packed_bytes());
  kernels::pack_integers(o->plan, weights, o->packed.data());
  o->dst.resize(static_cast<std::size_t>(s.images * s.out_height * s.out_width * s.out_channels));
  o->workspace.resize(o->plan.workspace_bytes(1));
  o->scale.assign(static_cast<std::size_t>(s.out_channels), 1e-5f);
  o->bias.assign(static_cast<std::size_t>(s.out_channels), 0.5f);
  return [o, inverse = kernels::exact_inverse(0.02f)] {
    kernels::IntegerFinish f;
    f.output = kernels::IntegerFinish::Output::UInt8;
    f.scale = o->scale.data(), f.bias = o->bias.data(), f.low = 0.0f, f.out_scale = 0.02f, f.inverse = inverse;
    kernels::multiply_integers(o->plan, {o->src.data(), false, 3, o->packed.data(), o->dst.data(), o->workspace.data(), 1},
                               f);
  };
}

Run library(const Geometry& g, bool int8, std::string& name) {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  const auto& s = g.s;
  dnnl::primitive_attr attr;
  dnnl::post_ops ops;
  ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  attr.set_post_ops(ops);
  const DataType from = int8 ? DataType::u8 : DataType::f32, with = int8 ? DataType::s8 : DataType::f32;
  if (int8) {
    attr.set_scales_mask(DNNL_ARG_SRC, 0);
    attr.set_scales_mask(DNNL_ARG_WEIGHTS, g.product ? 2 : 1);
    attr.set_scales_mask(DNNL_ARG_DST, 0);
    attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
  }
  const auto any = [](const dnnl::memory::dims& dims, DataType type) { return dnnl::memory::desc(dims, type, Tag::any); };
  dnnl::primitive_desc_base base;
  dnnl::primitive primitive;
  if (g.product) {
    const dnnl::memory::desc src({s.images, s.channels}, from, Tag::ab), dst({s.images, s.out_channels}, from, Tag::ab);
    const dnnl::memory::desc bias({1, s.out_channels}, DataType::f32, Tag::ab);
    if (!int8) {
      const dnnl::inner_product_forward::primitive_desc pd(cpu, dnnl::prop_kind::forward_inference, src,
                                                           any({s.out_channels, s.channels}, with),
                                                           {{s.out_channels}, DataType::f32, Tag::a}, dst, attr);
      base = pd, primitive = dnnl::inner_product_forward(pd);
    } else {
      const dnnl::matmul::primitive_desc pd(cpu, src, any({s.channels, s.out_channels}, with), bias, dst, attr);
      base = pd, primitive = dnnl::matmul(pd);
    }
  } else {
    const dnnl::memory::dims strides{s.stride_height, s.stride_width}, pads{s.top, s.left};
    const auto after = [&](int64_t in, int64_t out) { return (out - 1) * s.stride_height + s.kernel_height - in - s.top; };
    const dnnl::memory::dims ends{after(s.height, s.out_height), after(s.width, s.out_width)};
    const dnnl::convolution_forward::primitive_desc pd(
        cpu, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        any({s.images, s.channels, s.height, s.width}, from),
        any({s.out_channels, s.channels, s.kernel_height, s.kernel_width}, with),
        dnnl::memory::desc({s.out_channels}, DataType::f32, Tag::a),
        any({s.images, s.out_channels, s.out_height, s.out_width}, from), strides, pads, ends, attr);
    base = pd, primitive = dnnl::convolution_forward(pd);
  }
  name = base.impl_info_str();
  const auto filled = [](const dnnl::memory::desc& desc) {
    dnnl::memory m(desc, cpu);
    std::fill_n(static_cast<char*>(m.get_data_handle()), desc.get_size(), desc.get_data_type() == DataType::f32 ? 0 : 17);
    return m;
  };
  const auto floats = [](int64_t count, float value) {
    dnnl::memory m({{count}, DataType::f32, Tag::a}, cpu);
    std::fill_n(static_cast<float*>(m.get_data_handle()), count, value);
    return m;
  };
  std::unordered_map<int, dnnl::memory> args;
  for (const int arg : {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST})
    args.emplace(arg, filled(base.query_md(dnnl::query::exec_arg_md, arg)));
  if (int8) {
    args.emplace(DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, floats(1, 0.01f));
    args.emplace(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, floats(s.out_channels, 0.01f));
    args.emplace(DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, floats(1, 0.02f));
    dnnl::memory zero({{1}, DataType::s32, Tag::a}, cpu);
    *static_cast<std::int32_t*>(zero.get_data_handle()) = 3;
    args.emplace(DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, zero);
  }
  return [primitive, args, stream = dnnl::stream(cpu)]() mutable { primitive.execute(stream, args); };
}

/// GOP/s of each, in the order given.
std::vector<double> rates(const std::vector<Run>& runs, double operations, int rounds) {
  std::vector<std::vector<double>> times(runs.size());
  const auto time = [](const Run& run, int repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeat; ++i) run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeat;
  };
  std::vector<int> repeat;
  for (const Run& run : runs) run(), repeat.push_back(std::max(1, static_cast<int>(2e-3 / time(run, 1))));
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < runs.size(); ++i) times[i].push_back(time(runs[i], repeat[i]));
  std::vector<double> result;
  for (const auto& t : times) result.push_back(operations / *std::min_element(t.begin(), t.end()) * 1e-9);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  set_threads(1);
  fmt::print("{}\n{:32} {:>7} {:>6} {:>6} {:>8} {:>6} {:>9} {:>7}  {}\n", onednn::isa_name(), "GOP/s, one thread", "bounded",
             "full", "wide", "library", "fp32", "/library", "/fp32", "library's");
  for (const Row& row : kRows) {
    if (argc > 2 && row.name.find(argv[2]) == std::string::npos) continue;
    const Geometry g = geometry(row);
    std::string name, real;
    const std::vector<Run> runs{ours(g, Weights::Bounded), ours(g, Weights::Full), ours(g, Weights::Wide),
                                library(g, true, name), library(g, false, real)};
    const auto& s = g.s;
    const double operations = 2.0 * static_cast<double>(s.images * s.out_height * s.out_width * s.out_channels * s.channels *
                                                        s.kernel_height * s.kernel_width);
    const auto r = rates(runs, operations, rounds);
    fmt::print("{:32} {:7.0f} {:6.0f} {:6.0f} {:8.0f} {:6.0f} {:9.2f} {:7.2f}  {} {}\n", row.name, r[0], r[1], r[2], r[3],
               r[4], r[0] / r[3], r[0] / r[4], name, real);
  }
}
