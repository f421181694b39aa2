#pragma once
// From a point to the graph that is executed: quantized, corrected, cast. Nothing that a former candidate has computed
// (ranges, quantized weights, corrections) is computed again.
#include <map>
#include <optional>
#include <string>

#include "core/calib/bias_correction.h"
#include "core/quant/placement.h"
#include "core/tuning/graph_part.h"
#include "core/tuning/space.h"

namespace inc::tuning {

/// Where corrections take their samples from; all references outlive the builder.
struct CorrectionSource {
  const eval::Dataset& data;
  calib::CorrectionOptions options;
};

struct Candidate {
  ir::Graph graph;         ///< what is executed
  ir::Graph without_bf16;  ///< the same before values were cast to BF16
  quant::Bf16Plan bf16;
};

class CandidateBuilder {
 public:
  /// All references outlive the builder. Without `corrections`, biases stay as they are.
  CandidateBuilder(const ir::Graph& fused, const quant::RangeTable& ranges, const TuningSpace& space,
                   const runtime::Adaptor& adaptor, const runtime::Executable& fp32, quant::QdqOptions qdq = {},
                   quant::Bf16Policies bf16 = {}, std::optional<CorrectionSource> corrections = {});

  /// The last one is kept. Throws search::Interrupted when corrections were told to stop.
  const Candidate& build(const search::Point& point);
  /// From now on nothing stops: what was chosen is to be written as it was measured.
  void go_on();
  /// The operator of a dimension by itself, under one of its options, its bias corrected: on the values of the FP32 graph it
  /// does what it does in the candidate where every other operator is in FP32, up to the rounding of channel factors, which
  /// are not folded here, and of neighbours that go into BF16 with it there.
  PartOfGraph alone(std::size_t dim, std::size_t option);
  /// The nodes of the fused graph that alone() is about.
  std::set<ir::NodeId> nodes_alone(std::size_t dim, std::size_t option) const;
  /// The correction used for a point, BF16 taken for FP32: that of other operators in INT8 would take back errors that are
  /// no longer made.
  const calib::BiasCorrection& correction(const search::Point& point);
  bool corrects() const noexcept { return source_.has_value(); }
  const quant::RangeTable& ranges() const noexcept { return ranges_; }
  const runtime::Adaptor& adaptor() const noexcept { return adaptor_; }
  const runtime::Executable& fp32() const noexcept { return fp32_; }

 private:
  Candidate made(const search::Point& point);
  const std::map<ir::NodeId, std::vector<float>>& own_shifts();

  const ir::Graph& fused_;
  const quant::RangeTable& ranges_;
  const TuningSpace& space_;
  const runtime::Adaptor& adaptor_;
  const runtime::Executable& fp32_;
  quant::QdqOptions qdq_;
  quant::Bf16Policies bf16_, bf16_alone_;
  quant::Bf16Constants bf16_constants_;
  std::optional<CorrectionSource> source_;
  quant::WeightCache weights_;
  std::map<search::Point, calib::BiasCorrection> corrections_;
  std::optional<std::map<ir::NodeId, std::vector<float>>> own_shifts_;
  std::optional<std::pair<search::Point, Candidate>> last_;
};

}  // namespace inc::tuning
