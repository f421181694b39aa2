#include "adaptors/onednn/ceiling.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/memory.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace inc::onednn {
namespace {

using Clock = std::chrono::steady_clock;

struct Types {
  DataType source, weights, target;
};

Types types_of(quant::Precision precision) {
  if (precision == quant::Precision::Int8) return {DataType::u8, DataType::s8, DataType::u8};
  if (precision == quant::Precision::Bf16) return {DataType::bf16, DataType::bf16, DataType::bf16};
  return {DataType::f32, DataType::f32, DataType::f32};
}

/// A primitive on zeros. Zeros take as long as other numbers, save denormals.
struct Probe {
  double operations = 0;
  dnnl::primitive primitive;
  std::unordered_map<int, dnnl::memory> args;

  void add(int arg, const Desc& desc) {
    dnnl::memory memory(desc, cpu());
    std::fill_n(static_cast<std::byte*>(memory.get_data_handle()), desc.get_size(), std::byte{0});
    args.emplace(arg, std::move(memory));
  }
};

Probe convolution(const Types& t, std::int64_t channels, std::int64_t side, std::int64_t kernel) {
  const std::int64_t pad = kernel / 2;
  const Desc source({1, channels, side, side}, t.source, Tag::any), target({1, channels, side, side}, t.target, Tag::any);
  const Desc weights({channels, channels, kernel, kernel}, t.weights, Tag::any);
  const dnnl::convolution_forward::primitive_desc pd(cpu(), dnnl::prop_kind::forward_inference,
                                                     dnnl::algorithm::convolution_direct, source, weights, target, {1, 1},
                                                     {pad, pad}, {pad, pad});
  Probe probe;
  probe.operations = 2.0 * static_cast<double>(channels * channels * side * side * kernel * kernel);
  probe.primitive = dnnl::convolution_forward(pd);
  probe.add(DNNL_ARG_SRC, pd.src_desc());
  probe.add(DNNL_ARG_WEIGHTS, pd.weights_desc());
  probe.add(DNNL_ARG_DST, pd.dst_desc());
  return probe;
}

Probe product(const Types& t, std::int64_t m, std::int64_t k, std::int64_t n) {
  const Desc source({m, k}, t.source, Tag::ab), weights({k, n}, t.weights, Tag::any), target({m, n}, t.target, Tag::ab);
  const dnnl::matmul::primitive_desc pd(cpu(), source, weights, target);
  Probe probe;
  probe.operations = 2.0 * static_cast<double>(m * k * n);
  probe.primitive = dnnl::matmul(pd);
  probe.add(DNNL_ARG_SRC, source);
  probe.add(DNNL_ARG_WEIGHTS, pd.weights_desc());
  probe.add(DNNL_ARG_DST, target);
  return probe;
}

double measure(const Types& t, double seconds) {
  std::vector<Probe> probes;
  probes.push_back(convolution(t, 256, 28, 3));
  probes.push_back(convolution(t, 256, 56, 1));
  probes.push_back(product(t, 512, 1024, 1024));
  dnnl::stream stream(cpu());
  const auto start = Clock::now();
  double fastest = 0;
  for (int round = 0; round < 3 || std::chrono::duration<double>(Clock::now() - start).count() < seconds; ++round)
    for (Probe& probe : probes) {
      const auto before = Clock::now();
      probe.primitive.execute(stream, probe.args);
      stream.wait();
      const double took = std::chrono::duration<double>(Clock::now() - before).count();
      if (round > 0) fastest = std::max(fastest, 1e-9 * probe.operations / took);
    }
  return fastest;
}

}  // namespace

std::optional<double> ceiling_gops(quant::Precision precision, double seconds) {
  static std::mutex mutex;
  static std::map<std::pair<quant::Precision, int>, double> known;
  if (precision == quant::Precision::Bf16 && !has_bf16()) return std::nullopt;
  const std::lock_guard lock(mutex);
  const auto key = std::pair(precision, threads());
  const auto it = known.find(key);
  if (it != known.end()) return it->second;
  try {
    return known[key] = measure(types_of(precision), seconds);
  } catch (const dnnl::error& e) {
    throw BackendError("oneDNN, measuring its ceiling: " + std::string(e.what()));
  }
}

}  // namespace inc::onednn
