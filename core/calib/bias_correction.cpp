#include "core/calib/bias_correction.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/calib/correction_walk.h"
#include "core/calib/output_distance.h"
#include "core/ops/ops.h"
#include "core/quant/bias.h"
#include "core/runtime/footprint.h"

namespace inc::calib {
namespace {

constexpr std::int64_t kHeldBackEvery = 4;
constexpr std::size_t kFewestSamples = 8;
constexpr std::size_t kFewestHeldBack = 2;
constexpr std::size_t kMostHeldBack = 32;
constexpr std::size_t kBlocks = 8;
/// Shifts that together take the outputs this much further away have no good parts worth a search.
constexpr double kHarm = 1.25;
constexpr double kLeastGain = 0.05;

std::int64_t channels_of(const ir::Graph& graph, const ir::Node& anchor) {
  const auto slot = static_cast<std::size_t>(ops::info(anchor.op).weight_input);
  return graph.constant(anchor.input(slot))->shape().at(static_cast<std::size_t>(ops::weight_axis(graph, anchor)));
}

/// Whether the anchor's bias can take a shift of each of its channels.
bool takes_shift(const ir::Graph& graph, const ir::Node& anchor) {
  const ir::Node* weight = graph.producer(anchor.input(1));
  if (weight != nullptr || graph.constant(anchor.input(1))->rank() < 2) return false;
  const std::int64_t channels = channels_of(graph, anchor);
  const std::vector<float> none(static_cast<std::size_t>(channels)), some(static_cast<std::size_t>(channels), 1.0f);
  const auto without = quant::bias_with_shift(graph, anchor, channels, none);
  const auto with = quant::bias_with_shift(graph, anchor, channels, some);
  return with.value && without.value && !identical(*with.value, *without.value);
}

std::vector<ir::NodeId> correctable(const ir::Graph& fused, const quant::QuantConfig& config, const ir::Graph& quantized) {
  std::vector<ir::NodeId> anchors;
  for (const ir::NodeId id : quantized.topological_order()) {
    const auto choice = config.ops.find(id);
    if (choice == config.ops.end() || choice->second.precision != quant::Precision::Int8) continue;
    if (takes_shift(fused, fused.node(id))) anchors.push_back(id);
  }
  return anchors;
}

/// Samples that no shift was estimated from, with what FP32 makes of them.
class HeldBack {
 public:
  HeldBack(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data,
           const std::vector<std::int64_t>& firsts, std::size_t budget_bytes) {
    std::size_t bytes = 0;
    for (const std::int64_t first : firsts) {
      batches_.push_back(eval::load_batch(fused, data, first, eval::usable_batch_size(fused, 1)).inputs);
      outputs_.push_back(fp32.run(batches_.back()));
      for (const auto* tensors : {&batches_.back(), &outputs_.back()})
        for (const ir::Tensor& tensor : *tensors) bytes += tensor.bytes();
      if (batches_.size() >= kMostHeldBack || (bytes > budget_bytes && batches_.size() >= kFewestHeldBack)) break;
    }
  }

  std::size_t size() const noexcept { return batches_.size(); }

  OutputDistance distance(const runtime::Executable& executable) const {
    OutputDistance out;
    for (std::size_t i = 0; i < batches_.size(); ++i) out.add(executable.run(batches_[i]), outputs_[i]);
    return out;
  }

 private:
  std::vector<std::vector<ir::Tensor>> batches_, outputs_;
};

/// Whether so many runs of FP32 would take at most half of the budget: what a cut leaves of one is less than a run takes, of
/// values in FP32 and in 8 bits beside them less than twice that.
bool surely_fit(const runtime::Executable& fp32, std::int64_t batches, std::size_t budget_bytes) {
  const std::size_t bytes = runtime::footprint_bytes(fp32);
  return bytes > 0 && bytes <= budget_bytes / 2 / static_cast<std::size_t>(batches);
}

struct Sampling {
  std::vector<std::int64_t> estimate, held_back;
};

/// Batches of `batch` samples; every fourth is held back, the last one where there are fewer.
Sampling sampling(std::int64_t batches, std::int64_t batch) {
  Sampling s;
  const std::int64_t phase = std::min(kHeldBackEvery, batches) - 1;
  for (std::int64_t i = 0; i < batches; ++i) (i % kHeldBackEvery == phase ? s.held_back : s.estimate).push_back(i * batch);
  return s;
}

bool helps(const OutputDistance& before, const OutputDistance& after) {
  return after.divergence() < before.divergence() && no_axis_worse(before.by_axis(), after.by_axis());
}

/// The whole where it pays; else the blocks of anchors that help, each tried with those kept before it, where they pay.
template <class Distance>
void keep_what_helps(const Shifts& all, const std::vector<ir::NodeId>& anchors, std::size_t held_back,
                     const Distance& distance, BiasCorrection& out) {
  const OutputDistance before = distance({}), whole = distance(all);
  out.before = out.after = before.divergence();
  if (out.before < 0) {
    out.why_not = "no FP32 output to compare on the samples held back";
    return;
  }
  const auto pays = [&](const OutputDistance& after) { return after.divergence() < (1 - kLeastGain) * out.before; };
  const bool better = helps(before, whole);
  if (better && pays(whole)) {
    out.shift = all;
    out.after = whole.divergence();
    return;
  }
  out.why_not =
      fmt::format("all shifts together take the output divergence on samples held back from {:.3g} to {:.3g}{}", out.before,
                  whole.divergence(),
                  no_axis_worse(before.by_axis(), whole.by_axis()) ? "" : " and parts of the outputs away from FP32");
  if (better || anchors.size() < 2 || whole.divergence() > kHarm * out.before) return;
  const std::size_t blocks = std::min({kBlocks, anchors.size(), std::max<std::size_t>(2, held_back / 2)});
  OutputDistance best = before;
  Shifts kept;
  for (std::size_t b = 0; b < blocks; ++b) {
    Shifts trial = kept;
    for (std::size_t i = b * anchors.size() / blocks; i < (b + 1) * anchors.size() / blocks; ++i)
      trial[anchors[i]] = all.at(anchors[i]);
    OutputDistance found = distance(trial);
    if (!helps(best, found)) continue;
    best = std::move(found);
    kept = std::move(trial);
  }
  if (pays(best)) {
    out.shift = std::move(kept);
    out.after = best.divergence();
  }
  out.why_not += fmt::format("; {} of {} operators are corrected", out.shift.size(), anchors.size());
}

}  // namespace

BiasCorrection correct_bias(const ir::Graph& fused, const quant::QuantConfig& config, const quant::RangeTable& ranges,
                            quant::WeightCache& weights, const runtime::Adaptor& adaptor, const runtime::Executable& fp32,
                            const eval::Dataset& data, const CorrectionOptions& options) {
  BiasCorrection out;
  quant::QuantConfig trial = config;
  trial.bias_shift.clear();
  quant::QdqOptions unfolded = options.qdq;
  unfolded.fold_factors = false;
  const ir::Graph quantized = quant::insert_qdq(fused, trial, ranges, weights, unfolded);
  const std::vector<ir::NodeId> anchors = correctable(fused, config, quantized);
  out.anchors = static_cast<std::int64_t>(anchors.size());
  if (anchors.empty()) {
    out.why_not = "no INT8 operator has a bias that could be corrected";
    return out;
  }
  const std::int64_t batch = eval::usable_batch_size(fused, 1);
  std::int64_t batches = std::min(options.samples, data.size()) / batch;
  if (batches < 2 || batches * batch < 4) {
    out.why_not = fmt::format("{} samples in batches of {} found, at least 4 in 2 batches expected",
                              std::min(options.samples, data.size()), batch);
    return out;
  }
  try {
    CorrectionWalk walk(fused, quantized, anchors, adaptor, data, options);
    if (!surely_fit(fp32, batches, options.budget_bytes)) {
      const std::size_t affordable = std::max(walk.affordable(0), kFewestSamples * 3 / 4);
      batches = std::min(batches, static_cast<std::int64_t>(affordable) * kHeldBackEvery / (kHeldBackEvery - 1));
    }
    const Sampling samples = sampling(batches, batch);
    const HeldBack held_back(fused, fp32, data, samples.held_back, options.budget_bytes);
    fp32.rest();
    const Shifts all = walk.run(samples.estimate);
    if (all.empty()) {
      out.why_not = "interrupted";
      out.interrupted = true;
      return out;
    }
    out.samples = static_cast<std::int64_t>(samples.estimate.size() + held_back.size()) * batch;
    const auto distance = [&](const Shifts& shifts) {
      trial.bias_shift = shifts;
      return held_back.distance(*adaptor.prepare(quant::insert_qdq(fused, trial, ranges, weights, options.qdq)));
    };
    keep_what_helps(all, anchors, held_back.size(), distance, out);
  } catch (const UnsupportedError& error) {
    out.why_not = error.full_message();
  } catch (const ModelError& error) {
    out.why_not = error.full_message();
  } catch (const BackendError& error) {
    out.why_not = error.full_message();
  }
  return out;
}

std::map<ir::NodeId, std::vector<float>> own_shifts(const ir::Graph& fused, const quant::QuantConfig& config,
                                                    const quant::RangeTable& ranges, quant::WeightCache& weights,
                                                    const runtime::Adaptor& adaptor, const eval::Dataset& data,
                                                    const CorrectionOptions& options) {
  quant::QuantConfig trial = config;
  trial.bias_shift.clear();
  quant::QdqOptions unfolded = options.qdq;
  unfolded.fold_factors = false;
  unfolded.placement = quant::Placement::Anchors;
  const ir::Graph quantized = quant::insert_qdq(fused, trial, ranges, weights, unfolded);
  const std::vector<ir::NodeId> anchors = correctable(fused, config, quantized);
  const std::int64_t batch = eval::usable_batch_size(fused, 1), batches = std::min(options.samples, data.size()) / batch;
  if (anchors.empty() || batches < 2) return {};
  try {
    return CorrectionWalk(fused, quantized, anchors, adaptor, data, options).run_alone(sampling(batches, batch).estimate);
  } catch (const UnsupportedError&) {
  } catch (const ModelError&) {
  } catch (const BackendError&) {
  }
  return {};
}

}  // namespace inc::calib
