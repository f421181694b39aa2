#include "core/tuning/candidate.h"

#include <algorithm>

#include "core/quant/attention.h"

namespace inc::tuning {

CandidateBuilder::CandidateBuilder(const ir::Graph& fused, const quant::RangeTable& ranges, const TuningSpace& space,
                                   const runtime::Adaptor& adaptor, const runtime::Executable& fp32, quant::QdqOptions qdq,
                                   quant::Bf16Policies bf16, std::optional<CorrectionSource> corrections)
    : fused_(fused),
      ranges_(ranges),
      space_(space),
      adaptor_(adaptor),
      fp32_(fp32),
      qdq_(qdq),
      bf16_(std::move(bf16)),
      bf16_alone_(bf16_),
      source_(std::move(corrections)) {
  bf16_.deny(space.not_bf16);
}

void CandidateBuilder::go_on() {
  if (source_) source_->options.should_stop = {};
}

const calib::BiasCorrection& CandidateBuilder::correction(const search::Point& point) {
  const search::Point without_bf16 = space_.without_bf16(point);
  auto known = corrections_.find(without_bf16);
  if (known == corrections_.end()) {
    calib::BiasCorrection made;
    if (source_)
      made = calib::correct_bias(fused_, space_.decode(without_bf16), ranges_, weights_, adaptor_, fp32_, source_->data,
                                 source_->options);
    if (made.interrupted) throw search::Interrupted();
    known = corrections_.emplace(without_bf16, std::move(made)).first;
  }
  return known->second;
}

const std::map<ir::NodeId, std::vector<float>>& CandidateBuilder::own_shifts() {
  if (!own_shifts_ && source_) {
    own_shifts_ = calib::own_shifts(fused_, space_.decode(space_.shape.fastest()), ranges_, weights_, adaptor_, source_->data,
                                    source_->options);
    if (source_->options.should_stop && source_->options.should_stop()) throw search::Interrupted();
  }
  return own_shifts_ ? *own_shifts_ : own_shifts_.emplace();
}

const Candidate& CandidateBuilder::build(const search::Point& point) {
  if (!last_ || last_->first != point) {
    Candidate candidate = made(point);
    last_.emplace(point, std::move(candidate));
  }
  return last_->second;
}

Candidate CandidateBuilder::made(const search::Point& point) {
  quant::QuantConfig config = space_.decode(point);
  const auto uses = [&](quant::Precision precision) {
    return std::any_of(config.ops.begin(), config.ops.end(),
                       [&](const auto& op) { return op.second.precision == precision; });
  };
  if (source_ && uses(quant::Precision::Int8)) config.bias_shift = correction(point).shift;
  Candidate candidate;
  candidate.without_bf16 = quant::insert_qdq(fused_, config, ranges_, weights_, qdq_);
  candidate.graph = candidate.without_bf16;
  if (!uses(quant::Precision::Bf16)) return candidate;
  const ir::Graph& graph = candidate.without_bf16;
  candidate.bf16 = quant::plan_bf16(graph, quant::bf16_wanted(graph, config, bf16_), bf16_, ranges_, bf16_constants_);
  candidate.graph = quant::cast_bf16(graph, candidate.bf16, bf16_constants_);
  return candidate;
}

std::set<ir::NodeId> CandidateBuilder::nodes_alone(std::size_t dim, std::size_t option) const {
  const ir::Node& node = fused_.node(space_.nodes.at(dim));
  const quant::OpConfig& wanted = space_.options.at(dim).at(option);
  if (const auto attention = wanted.precision == quant::Precision::Int8 ? quant::attention_at(fused_, node) : std::nullopt)
    return attention->nodes;
  std::set<ir::NodeId> nodes{node.id};
  const bool with_producer = wanted.precision == quant::Precision::Int8 && wanted.smoothing == quant::Smoothing::Equalize;
  if (const ir::Node* producer = fused_.producer(node.input(0)); with_producer && producer != nullptr)
    nodes.insert(producer->id);
  return nodes;
}

PartOfGraph CandidateBuilder::alone(std::size_t dim, std::size_t option) {
  const ir::Node& node = fused_.node(space_.nodes.at(dim));
  const quant::OpConfig& wanted = space_.options.at(dim).at(option);
  PartOfGraph part = part_of(fused_, nodes_alone(dim, option), node.outputs);
  quant::RangeTable ranges;
  for (const auto& [whole, own] : part.values) {
    for (auto it = ranges_.tensor.lower_bound({whole, quant::RangeMethod{}});
         it != ranges_.tensor.end() && it->first.first == whole; ++it)
      ranges.tensor.emplace(std::make_pair(own, it->first.second), it->second);
    if (const auto it = ranges_.channels.find(whole); it != ranges_.channels.end()) ranges.channels.emplace(own, it->second);
  }
  const ir::NodeId id = part.nodes.at(node.id);
  quant::QuantConfig config{{{id, wanted}}};
  if (wanted.precision == quant::Precision::Int8) {
    if (const auto own = own_shifts().find(node.id); own != own_shifts().end()) config.bias_shift.emplace(id, own->second);
    quant::QdqOptions unfolded = qdq_;
    unfolded.fold_factors = false;
    unfolded.placement = quant::Placement::Anchors;
    part.graph = quant::insert_qdq(part.graph, config, ranges, weights_, unfolded);
  }
  if (wanted.precision == quant::Precision::Bf16) {
    const auto plan = quant::plan_bf16(part.graph, quant::bf16_wanted(part.graph, config, bf16_alone_), bf16_alone_, ranges,
                                       bf16_constants_);
    part.graph = quant::cast_bf16(part.graph, plan, bf16_constants_);
  }
  return part;
}

}  // namespace inc::tuning
