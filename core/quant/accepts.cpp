#include "core/quant/accepts.h"

#include <fmt/format.h>

#include "core/ops/ops.h"
#include "core/quant/attention.h"
#include "core/quant/fold_factors.h"
#include "core/quant/input_channels.h"
#include "core/quant/placement.h"

namespace inc::quant {
namespace {

Support schemes_known(const OpConfig& config) {
  const Scheme &x = config.activation, &w = config.weight;
  if (x.dtype != DType::UInt8 && x.dtype != DType::Int8)
    return Support::no(fmt::format("activations as {}, uint8 or int8 expected", inc::name_of(x.dtype)));
  if (w.dtype != DType::Int8 || w.symmetry != Symmetry::Symmetric)
    return Support::no(fmt::format("weights as {} {}, int8 sym expected", inc::name_of(w.dtype), name_of(w.symmetry)));
  return Support::yes();
}

Support run_time_ranges(const OpConfig& config) {
  const Scheme& x = config.activation;
  if (x.dtype != DType::UInt8 || x.symmetry != Symmetry::Asymmetric)
    return Support::no(
        fmt::format("ranges at run time give uint8 asym, {} {} wanted", inc::name_of(x.dtype), name_of(x.symmetry)));
  if (x.granularity != Granularity::PerTensor) return Support::no("ranges at run time are per tensor");
  if (config.smoothing != Smoothing::None) return Support::no("smoothing needs the ranges of calibration");
  return Support::yes();
}

bool is_anchor(const ir::Node& node) {
  const ops::OpInfo* info = ops::find(node.op);
  return info != nullptr && info->quant == ops::QuantRole::Anchor;
}

/// All anchors that read the value must mean the same axis, or calibration watches none.
Support channels_known(const ir::Graph& graph, const ir::Node& node) {
  const auto own = input_channels(graph, node);
  if (!own || own->axis < 0) return Support::no("the channel axis of its input is unknown");
  for (const ir::NodeId id : graph.value(node.input(0)).consumers) {
    const ir::Node& user = graph.node(id);
    if (user.input(0) != node.input(0) || !quantizable(graph, user)) continue;
    const auto other = input_channels(graph, user);
    if (!other || other->axis != own->axis)
      return Support::no(fmt::format("'{}' reads its input along another channel axis", user.name));
  }
  return Support::yes();
}

Support smoothing_possible(const ir::Graph& graph, const ir::Node& node, const OpConfig& config) {
  if (config.smoothing == Smoothing::SmoothQuant) {
    if (is_depthwise(graph, node)) return Support::no("SmoothQuant: a depthwise convolution can read per channel");
    if (config.alpha != OpConfig::kAutomaticAlpha && !(config.alpha >= 0 && config.alpha <= 1))
      return Support::no(fmt::format("SmoothQuant: alpha is {}, 0 to 1 expected", config.alpha));
  }
  if (config.smoothing == Smoothing::Equalize) {
    const auto channels = input_channels(graph, node);
    const ir::Node* producer = graph.producer(node.input(0));
    const auto readers = graph.value(node.input(0)).consumers.size();
    if (!channels || producer == nullptr || !is_anchor(*producer))
      return Support::no("equalization: its input is not made by a convolution or matrix multiplication");
    if (Support s = takes_factors(graph, node.input(0), readers, channels->broadcast); !s)
      return Support::no("equalization: " + s.why_not());
  }
  return channels_known(graph, node);
}

Support attention_accepts(const OpConfig& config) {
  if (Support s = schemes_known(config); !s) return s;
  if (config.dynamic) return Support::no("attention takes the ranges of calibration");
  if (config.activation.granularity == Granularity::PerChannel) return Support::no("attention reads per tensor");
  if (config.smoothing != Smoothing::None) return Support::no("attention has no weights that could take factors");
  return Support::yes();
}

}  // namespace

Support accepts(const ir::Graph& fused, const ir::Node& node, const OpConfig& config) {
  if (config.precision != Precision::Int8) return Support::yes();
  if (Support s = quantizable(fused, node); !s) return attention_at(fused, node) ? attention_accepts(config) : s;
  if (Support s = schemes_known(config); !s) return s;
  if (config.dynamic) return run_time_ranges(config);
  if (config.activation.granularity == Granularity::PerChannel) {
    if (!is_depthwise(fused, node)) return Support::no("activations per channel are for depthwise convolutions");
    if (config.smoothing != Smoothing::None) return Support::no("activations per channel leave nothing to smooth");
    return channels_known(fused, node);
  }
  return config.smoothing == Smoothing::None ? Support::yes() : smoothing_possible(fused, node, config);
}

OpConfig default_op_config(const ir::Graph& fused, const ir::Node& node) {
  OpConfig config{Precision::Int8};
  config.activation.granularity = Granularity::PerChannel;
  if (!accepts(fused, node, config)) config.activation.granularity = Granularity::PerTensor;
  return config;
}

}  // namespace inc::quant
