#include "core/quant/factors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/ops/ops.h"
#include "core/quant/fold_factors.h"
#include "core/quant/predict.h"
#include "core/quant/quantize.h"

namespace inc::quant {
namespace {

double magnitude(const Range& r) {
  return std::max(std::fabs(static_cast<double>(r.lo)), std::fabs(static_cast<double>(r.hi)));
}

/// One INT8 configuration of the readers of one value.
class Chooser {
 public:
  Chooser(const ir::Graph& graph, const QuantConfig& config, const RangeTable& ranges)
      : graph_(graph), config_(config), ranges_(ranges) {}

  std::vector<FactorGroup> choose() && {
    for (const ir::NodeId id : graph_.topological_order())
      if (wants_factors(id) && !group_of_.contains(id)) choose_for(graph_.node(id));
    return std::move(groups_);
  }

 private:
  const OpConfig* int8(ir::NodeId id) const {
    const auto it = config_.ops.find(id);
    return it != config_.ops.end() && it->second.precision == Precision::Int8 && !it->second.dynamic ? &it->second : nullptr;
  }
  bool wants_factors(ir::NodeId id) const {
    const OpConfig* c = int8(id);
    return c != nullptr && (c->smoothing != Smoothing::None || c->activation.granularity == Granularity::PerChannel);
  }

  void choose_for(const ir::Node& first);
  std::vector<ir::NodeId> readers_like(const ir::Node& first) const;
  void observe(const FactorGroup& group, int axis);
  bool can_equalize(const FactorGroup& group) const;
  void per_channel(FactorGroup& group) const;
  void smooth(FactorGroup& group, float alpha) const;
  void equalize(FactorGroup& group) const;
  void finish(FactorGroup& group) const;
  std::vector<double> produced_weights(const ir::Node& producer) const;

  const ir::Graph& graph_;
  const QuantConfig& config_;
  const RangeTable& ranges_;
  std::vector<FactorGroup> groups_;
  std::map<ir::NodeId, std::size_t> group_of_;

  std::vector<ErrorModel> models_;
  std::vector<Range> intervals_;
  const OpConfig* common_ = nullptr;
};

void Chooser::choose_for(const ir::Node& first) {
  common_ = int8(first.id);
  FactorGroup group{first.input(0), readers_like(first), {}, {}, {}};
  for (const ir::NodeId id : group.anchors) group_of_[id] = groups_.size();
  const auto channels = input_channels(graph_, first);
  if (channels) group.broadcast = channels->broadcast;
  const bool per_channel_steps_wanted = common_->activation.granularity == Granularity::PerChannel;
  if (per_channel_steps_wanted || common_->smoothing != Smoothing::Equalize || can_equalize(group)) {
    observe(group, channels ? channels->axis : -1);
    if (per_channel_steps_wanted)
      per_channel(group);
    else if (common_->smoothing == Smoothing::SmoothQuant)
      smooth(group, common_->alpha);
    else
      equalize(group);
  }
  groups_.push_back(std::move(group));
}

std::vector<ir::NodeId> Chooser::readers_like(const ir::Node& first) const {
  const auto& readers = graph_.value(first.input(0)).consumers;
  std::vector<ir::NodeId> out;
  for (const ir::NodeId id : std::set<ir::NodeId>(readers.begin(), readers.end())) {
    const OpConfig* other = int8(id);
    if (other != nullptr && graph_.node(id).input(0) == first.input(0) && other->activation == common_->activation &&
        other->smoothing == common_->smoothing && other->alpha == common_->alpha)
      out.push_back(id);
  }
  return out;
}

void Chooser::observe(const FactorGroup& group, int axis) {
  const ChannelRanges& seen = channels_at(graph_, group.value, axis, ranges_);
  const Range whole = ranges_.at(group.value, common_->activation.range);
  intervals_ = seen.range;
  for (Range& r : intervals_) {
    static_cast<void>(qparams_from_range(r, common_->activation));
    r = {std::min(std::max(r.lo, whole.lo), 0.0f), std::max(std::min(r.hi, whole.hi), 0.0f)};
  }
  models_.clear();
  for (const ir::NodeId id : group.anchors)
    models_.emplace_back(graph_, graph_.node(id), config_.ops.at(id).weight, seen.mean_square);
  INC_CHECK(intervals_.size() == seen.mean_square.size(), "channels have a range and a mean square each");
}

void Chooser::per_channel(FactorGroup& group) const {
  std::vector<double> energy(intervals_.size(), 0.0);
  for (const ErrorModel& model : models_)
    for (std::size_t c = 0; c < energy.size(); ++c) energy[c] += model.energy()[c];
  ChannelSteps steps = per_channel_steps(intervals_, energy, common_->activation);
  group.factor = std::move(steps.factor);
  group.qparams = std::move(steps.qparams);
}

void Chooser::smooth(FactorGroup& group, float alpha) const {
  std::vector<double> x, w(intervals_.size(), 0.0);
  for (const Range& r : intervals_) x.push_back(magnitude(r));
  for (const ErrorModel& model : models_)
    for (std::size_t c = 0; c < w.size(); ++c) w[c] = std::max(w[c], model.largest_weight()[c]);
  if (alpha != OpConfig::kAutomaticAlpha) {
    group.factor = smoothing_factors(x, w, alpha);
    finish(group);
    return;
  }
  std::vector<FactorGroup> trials(10, group);
  trials[0].qparams = qparams_from_range(ranges_.at(group.value, common_->activation.range), common_->activation);
  for (std::size_t tenths = 1; tenths < trials.size(); ++tenths) {
    trials[tenths].factor = smoothing_factors(x, w, static_cast<float>(tenths) / 10);
    finish(trials[tenths]);
  }
  std::vector<double> error(trials.size(), 0.0);
  parallel_for(static_cast<std::int64_t>(trials.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      for (const ErrorModel& model : models_)
        error[i] += model.at(trials[i].factor, static_cast<double>(trials[i].qparams.scale[0])).total();
  });
  const auto least = std::min_element(error.begin(), error.end());
  group = std::move(trials[static_cast<std::size_t>(least - error.begin())]);
}

/// max|w| of every output channel, after the producer's own factors.
std::vector<double> Chooser::produced_weights(const ir::Node& producer) const {
  const InputChannels channels = input_channels(graph_, producer).value();
  const auto own = group_of_.find(producer.id);
  const std::vector<float> none, &factor = own == group_of_.end() ? none : groups_[own->second].factor;
  std::vector<double> largest(static_cast<std::size_t>(channels.outputs()), 0.0);
  const ir::Tensor held = graph_.constant(producer.input(1))->at_hand();
  const float* w = held.data<float>();
  for_each_weight(channels, [&](std::int64_t channel, std::int64_t output, std::int64_t i) {
    const float f = factor.empty() ? 1.0f : factor[static_cast<std::size_t>(channel)];
    double& m = largest[static_cast<std::size_t>(output)];
    m = std::max(m, static_cast<double>(std::fabs(w[i]) * f));
  });
  return largest;
}

bool Chooser::can_equalize(const FactorGroup& group) const {
  if (!takes_factors(graph_, group.value, group.anchors.size(), group.broadcast)) return false;
  const ir::Node& producer = *graph_.producer(group.value);
  if (ops::info(producer.op).quant != ops::QuantRole::Anchor || !input_channels(graph_, producer)) return false;
  const auto made = config_.ops.find(producer.id);
  return made == config_.ops.end() || made->second.precision != Precision::Int8 ||
         made->second.weight.granularity == Granularity::PerChannel;
}

void Chooser::equalize(FactorGroup& group) const {
  const ir::Node& producer = *graph_.producer(group.value);
  const auto before = produced_weights(producer);
  std::vector<double> after(before.size(), 0.0), ratio(before.size(), 0.0);
  for (const ErrorModel& model : models_)
    for (std::size_t c = 0; c < after.size(); ++c) after[c] = std::max(after[c], model.largest_weight()[c]);
  for (std::size_t c = 0; c < ratio.size(); ++c)
    if (before[c] > 0 && after[c] > 0) ratio[c] = std::sqrt(before[c] / after[c]);
  const double largest = ratio.empty() ? 0.0 : *std::max_element(ratio.begin(), ratio.end());
  if (largest == 0) return;
  for (const double r : ratio)
    group.factor.push_back(r > 0 ? static_cast<float>(std::max(r / largest, kLeastFactor)) : 1.0f);
  finish(group);
}

/// The qparams of the quotient, which may reach beyond float.
void Chooser::finish(FactorGroup& group) const {
  constexpr double kMost = std::numeric_limits<float>::max();
  double lo = 0, hi = 0;
  for (std::size_t c = 0; c < intervals_.size(); ++c) {
    lo = std::min(lo, static_cast<double>(intervals_[c].lo) / static_cast<double>(group.factor[c]));
    hi = std::max(hi, static_cast<double>(intervals_[c].hi) / static_cast<double>(group.factor[c]));
  }
  const Range quotient{static_cast<float>(std::max(lo, -kMost)), static_cast<float>(std::min(hi, kMost))};
  group.qparams = qparams_from_range(quotient, common_->activation);
}

}  // namespace

const ChannelRanges& channels_at(const ir::Graph& graph, ir::ValueId value, int axis, const RangeTable& ranges) {
  const auto it = ranges.channels.find(value);
  if (it == ranges.channels.end() || it->second.axis != axis)
    throw InternalError(fmt::format("value '{}' was not observed along its channel axis {}", graph.value(value).name, axis));
  return it->second;
}

std::vector<FactorGroup> choose_factors(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges) {
  return Chooser(fused, config, ranges).choose();
}

}  // namespace inc::quant
