#pragma once
// Sequential bias correction (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
// 2019, the empirical form): rounding shifts the mean of what an INT8 anchor makes; the shift is measured and taken back.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/eval/dataset.h"
#include "core/quant/placement.h"
#include "core/runtime/adaptor.h"

namespace inc::calib {

struct CorrectionOptions {
  std::int64_t samples = 100;                        ///< at most
  std::size_t budget_bytes = std::size_t{96} << 20;  ///< for activations of all samples between two anchors
  quant::QdqOptions qdq = {};                        ///< how Q/DQ will be inserted
  std::function<bool()> should_stop = {};            ///< asked between anchors; true: no correction
};

struct BiasCorrection {
  std::map<ir::NodeId, std::vector<float>> shift;  ///< for QuantConfig::bias_shift; what was kept
  std::int64_t anchors = 0;                        ///< INT8 anchors that could be corrected
  double before = -1, after = -1;  ///< output divergence on the samples held back, without correction and with `shift`
  std::int64_t samples = 0;        ///< used, those held back included
  bool interrupted = false;        ///< by CorrectionOptions::should_stop; nothing is known then
  std::string why_not;             ///< where nothing, or not everything, was corrected
};

/// For every INT8 anchor of `config`, in topological order: shift[c] = mean over samples of (FP32 − quantized) of what goes
/// into the anchor's activation (bias and residual included), where the quantized run contains the corrections before it.
///
/// Cost: about one FP32 and one INT8 pass. The quantized graph is cut at the anchors; each piece runs once per sample, on
/// activations kept from the pieces before it. `budget_bytes` bounds them and so decides how many samples are used, eight
/// at least where there are that many. Samples run one by one, or in batches where the model fixes its batch.
///
/// Noise: with e² the squared standard error of a channel's mean over the samples, its shift is multiplied by
/// max(0, 1 − e² / shift²) (James–Stein), so that means of rare events do not drown the model in noise.
///
/// Checked, not trusted: every fourth sample is held back, 32 at most. The correction is kept when it lowers the divergence
/// of the FP32 outputs there (sum of squared differences from FP32 over the sum of squares of FP32) by at least 5 %, because
/// less does not carry over to other data, and takes no part of the outputs away from FP32 (OutputDistance::by_axis). When
/// it fails without raising the divergence by a quarter, up to eight blocks of anchors, half as many as there are samples
/// held back, are tried one after another, each stays where it helps in both respects, and all that stay must gain 5 %.
/// Possibly nothing is kept.
///
/// `fp32` executes `fused`. Faults of the data are DataErrors; a model that cannot be cut or has too few samples is not
/// corrected, and why_not says so.
BiasCorrection correct_bias(const ir::Graph& fused, const quant::QuantConfig& config, const quant::RangeTable& ranges,
                            quant::WeightCache& weights, const runtime::Adaptor& adaptor, const runtime::Executable& fp32,
                            const eval::Dataset& data, const CorrectionOptions& options);

/// For every INT8 anchor of `config` the shift that correct_bias() would find if all others were in FP32: what its own rounding
/// moves. About one FP32 and one INT8 pass for all together. Not checked on other samples. Empty where nothing can be
/// corrected, and when should_stop said so.
std::map<ir::NodeId, std::vector<float>> own_shifts(const ir::Graph& fused, const quant::QuantConfig& config,
                                                    const quant::RangeTable& ranges, quant::WeightCache& weights,
                                                    const runtime::Adaptor& adaptor, const eval::Dataset& data,
                                                    const CorrectionOptions& options);

}  // namespace inc::calib
