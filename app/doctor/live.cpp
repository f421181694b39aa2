#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "adaptors/onednn/isa.h"
#include "app/benchmark.h"
#include "app/doctor/parts.h"
#include "app/session.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"

namespace inc::app {
namespace {

constexpr double kProbeSeconds = 2.0;
constexpr int kRows = 256, kMostCores = 64;  ///< of the product, for each core

/// A product of activations with constant weights, as models have.
ir::Graph product(std::int64_t rows, std::int64_t inner, std::int64_t columns) {
  Rng rng(1);
  std::vector<float> weights(static_cast<std::size_t>(inner * columns));
  for (float& w : weights) w = static_cast<float>(rng.uniform() - 0.5);
  ir::Graph graph;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::Float, {rows, inner}));
  const auto w = graph.add_constant("w", ir::Tensor::of<float>({inner, columns}, weights));
  ir::NodeSpec node{"MatMul", {x, w}, {}, "product", {ir::TensorType::of(DType::Float, {rows, columns})}, {}};
  graph.add_output(graph.add_node(node)[0]);
  return graph;
}

struct Rate {
  double gops = 0;
  std::string kernel;
};

/// Of the fastest of as many runs as fit: what other work takes away is not the machine's.
Rate rate(const ir::Graph& graph, const runtime::Adaptor& adaptor, const std::string& precision, double seconds) {
  const auto inputs = random_inputs(graph, {});
  const Variant variant = in_precision(graph, adaptor, inputs, precision);
  const Contender contender(variant, adaptor, inputs);
  const auto milliseconds = contender.run_for(seconds, -1);
  const VariantResult result = contender.result(milliseconds, true);
  const auto heaviest = std::max_element(result.steps.begin(), result.steps.end(),
                                         [](const auto& a, const auto& b) { return a.macs < b.macs; });
  return {result.gops(*std::min_element(milliseconds.begin(), milliseconds.end())), heaviest->kernel};
}

}  // namespace

namespace doctor {

Known<Amx> request_amx() {
  constexpr long kGetSupported = 0x1021, kRequest = 0x1023, kTileData = 18;
  std::uint64_t supported = 0;
  if (::syscall(SYS_arch_prctl, kGetSupported, &supported) != 0)
    return errno == EINVAL ? Known<Amx>(Amx::NotOffered)
                           : Known<Amx>::unknown(fmt::format("arch_prctl: {}", std::strerror(errno)));
  if ((supported >> kTileData & 1U) == 0) return Amx::NotOffered;
  return ::syscall(SYS_arch_prctl, kRequest, kTileData) == 0 ? Amx::Granted : Amx::Refused;
}

std::map<std::string, Known<Speed>> measure_speeds(int cores, double seconds) {
  const auto adaptor = make_adaptor();
  const ir::Graph small = product(kRows, 1024, 1024), large = product(kRows * std::min(cores, kMostCores), 1024, 1024);
  const int before = threads();
  std::map<std::string, Known<Speed>> speeds;
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    try {
      set_threads(1);
      const Rate one = rate(small, *adaptor, precision, seconds / 6);
      set_threads(cores);
      const Rate all = cores > 1 ? rate(large, *adaptor, precision, seconds / 6) : one;
      speeds.emplace(precision, Speed{one.gops, all.gops, cores, one.kernel});
    } catch (const Error& error) {
      speeds.emplace(precision, Known<Speed>::unknown(error.what()));
    }
    set_threads(before);
  }
  return speeds;
}

}  // namespace doctor

Diagnosis diagnose(const DoctorOptions& options) {
  const auto adaptor = make_adaptor();
  Circumstances here{
      Host(), environment(), {adaptor->version(), onednn::isa_name(), onednn::has_vnni(), onednn::has_bf16()}};
  const Diagnosis before = examine(here);
  const bool has_tiles =
      before.instructions && std::count(before.instructions->begin(), before.instructions->end(), "amx_tile") > 0;
  here.amx = has_tiles             ? doctor::request_amx()
             : before.instructions ? Known<Amx>(Amx::Absent)
                                   : Known<Amx>::unknown(before.instructions.why_not());
  if (options.probe) here.speeds = doctor::measure_speeds(before.usable_cores(), kProbeSeconds);
  return examine(here);
}

}  // namespace inc::app
