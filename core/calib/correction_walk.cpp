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

void append(std::vector<float>& all, const std::vector<float>& more) {
  all.insert(all.end(), more.begin(), more.end());
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

void CorrectionWalk::start(std::int64_t first, Live& live,
                           const std::function<void(std::size_t k, const ir::Tensor&)>& observe) {
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
    const std::lock_guard lock(mutex);
    observe(places.at(id), tensor);
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

int CorrectionWalk::axis(std::size_t k, const ir::Tensor& sums) const {
  return channel_axis(fused_.node(anchors_[k]), sums.rank());
}

std::size_t CorrectionWalk::channels(std::size_t k, const ir::Tensor& sums) const {
  return static_cast<std::size_t>(sums.shape()[static_cast<std::size_t>(axis(k, sums))]);
}

std::vector<float> CorrectionWalk::means(std::size_t k, const ir::Tensor& sums) const {
  return channel_means(sums, axis(k, sums), batch_);
}

std::size_t CorrectionWalk::affordable(std::int64_t first) {
  Live live;
  start(first, live);
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
  std::vector<std::vector<float>> wanted(anchors_.size());
  std::vector<Live> live(firsts.size());
  for (std::size_t i = 0; i < firsts.size(); ++i)
    start(firsts[i], live[i], [&](std::size_t k, const ir::Tensor& sums) { append(wanted[k], means(k, sums)); });
  fp32_->rest();
  Shifts shifts;
  for (std::size_t k = 0; k < anchors_.size(); ++k) {
    if (options_.should_stop && options_.should_stop()) return {};
    std::vector<float> found;
    for (Live& sample : live) {
      step(k, sample);
      append(found, means(k, sample.at(cuts_[k])));
    }
    const auto& shift = shifts[anchors_[k]] = significant_shift(wanted[k], found, channels(k, live.front().at(cuts_[k])));
    for (Live& sample : live) {
      const ir::Tensor& sums = sample.at(cuts_[k]);
      if (last_use_.contains(cuts_[k])) sample[cuts_[k]] = shifted(sums, axis(k, sums), shift);
      forget(k, sample);
    }
    pieces_[k] = nullptr;
  }
  return shifts;
}

Shifts CorrectionWalk::run_alone(const std::vector<std::int64_t>& firsts) {
  std::vector<std::vector<float>> wanted(anchors_.size()), found(anchors_.size());
  std::vector<std::size_t> width(anchors_.size());
  for (const std::int64_t first : firsts) {
    if (options_.should_stop && options_.should_stop()) return {};
    Live live;
    std::vector<ir::Tensor> right(anchors_.size());
    start(first, live, [&](std::size_t k, const ir::Tensor& sums) { right[k] = sums; });
    for (std::size_t k = 0; k < anchors_.size(); ++k) {
      step(k, live);
      append(wanted[k], means(k, right[k]));
      append(found[k], means(k, live.at(cuts_[k])));
      width[k] = channels(k, right[k]);
      live[cuts_[k]] = std::move(right[k]);
      forget(k, live);
    }
  }
  Shifts shifts;
  for (std::size_t k = 0; k < anchors_.size(); ++k)
    shifts[anchors_[k]] = significant_shift(wanted[k], found[k], width[k]);
  return shifts;
}

}  // namespace inc::calib
