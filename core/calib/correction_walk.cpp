#include "core/calib/correction_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "core/base/error.h"
#include "core/calib/channel_means.h"

namespace inc::calib {
namespace {

std::vector<ir::ValueId> sums_of(const SplitGraph& split, const std::vector<ir::NodeId>& anchors) {
  std::vector<ir::ValueId> sums;
  for (const ir::NodeId id : anchors) sums.push_back(split.sum.at(id));
  return sums;
}

}  // namespace

CorrectionWalk::CorrectionWalk(const ir::Graph& fused, const ir::Graph& quantized, std::vector<ir::NodeId> anchors,
                               const runtime::Adaptor& adaptor, const eval::Dataset& data, const CorrectionOptions& options)
    : fused_(fused),
      anchors_(std::move(anchors)),
      data_(data),
      options_(options),
      reference_(split_activations(fused, anchors_)),
      quantized_(split_activations(quantized, anchors_)),
      cuts_(sums_of(quantized_, anchors_)),
      fp32_(adaptor.prepare(reference_.graph)),
      batch_(eval::usable_batch_size(fused, 1)) {
  segments_ = cut(quantized_.graph, cuts_);
  for (std::size_t k = 0; k < segments_.size(); ++k) {
    pieces_.push_back(adaptor.prepare(segments_[k].graph));
    for (const ir::ValueId id : segments_[k].inputs) last_use_[id] = k;
  }
}

void CorrectionWalk::start(std::int64_t first, Live& live, bool observe) {
  const eval::Batch batch = eval::load_batch(fused_, data_, first, batch_);
  const auto& inputs = quantized_.graph.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (last_use_.contains(inputs[i])) live[inputs[i]] = batch.inputs[i];
  if (!observe) return;
  std::map<ir::ValueId, std::size_t> places;
  for (std::size_t k = 0; k < anchors_.size(); ++k) places[reference_.sum.at(anchors_[k])] = k;
  std::mutex mutex;
  runtime::TapSink tap;
  for (const auto& [value, k] : places) tap.wanted.insert(value);
  tap.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) {
    const std::size_t k = places.at(id);
    const auto means = channel_means(tensor, channel_axis(fused_.node(anchors_[k]), tensor.rank()), batch_);
    const std::lock_guard lock(mutex);
    wanted_[k].insert(wanted_[k].end(), means.begin(), means.end());
  };
  fp32_->run(batch.inputs, tap);
}

void CorrectionWalk::step(std::size_t k, Live& live) {
  std::vector<ir::Tensor> inputs;
  for (const ir::ValueId id : segments_[k].inputs) inputs.push_back(live.at(id));
  auto outputs = pieces_[k]->run(inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) live[segments_[k].outputs[i]] = std::move(outputs[i]);
}

void CorrectionWalk::forget(std::size_t k, Live& live) const {
  std::erase_if(live, [&](const auto& item) {
    const auto last = last_use_.find(item.first);
    return last == last_use_.end() || last->second <= k;
  });
}

int CorrectionWalk::axis(std::size_t k, const Live& live) const {
  return channel_axis(fused_.node(anchors_[k]), live.at(cuts_[k]).rank());
}

std::size_t CorrectionWalk::affordable(std::int64_t first) {
  Live live;
  start(first, live, false);
  std::size_t most = 1;
  for (std::size_t k = 0; k < segments_.size(); ++k) {
    step(k, live);
    std::size_t bytes = 0;
    for (const auto& [id, tensor] : live) bytes += tensor.bytes();
    most = std::max(most, bytes);
    forget(k, live);
    pieces_[k]->rest();
  }
  return options_.budget_bytes / most;
}

Shifts CorrectionWalk::run(const std::vector<std::int64_t>& firsts) {
  wanted_.assign(anchors_.size(), {});
  std::vector<Live> live(firsts.size());
  for (std::size_t i = 0; i < firsts.size(); ++i) start(firsts[i], live[i], true);
  fp32_->rest();
  Shifts shifts;
  for (std::size_t k = 0; k < anchors_.size(); ++k) {
    if (options_.should_stop && options_.should_stop()) return {};
    std::vector<float> found;
    for (Live& sample : live) {
      step(k, sample);
      const auto means = channel_means(sample.at(cuts_[k]), axis(k, sample), batch_);
      found.insert(found.end(), means.begin(), means.end());
    }
    const ir::Tensor& some = live.front().at(cuts_[k]);
    const auto channels = static_cast<std::size_t>(some.shape()[static_cast<std::size_t>(axis(k, live.front()))]);
    const auto& shift = shifts[anchors_[k]] = significant_shift(wanted_[k], found, channels);
    for (Live& sample : live) {
      if (last_use_.contains(cuts_[k])) sample[cuts_[k]] = shifted(sample.at(cuts_[k]), axis(k, sample), shift);
      forget(k, sample);
    }
    pieces_[k] = nullptr;
  }
  return shifts;
}

}  // namespace inc::calib
