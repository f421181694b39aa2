#pragma once
// Where two forms of one model part ways: operator by operator, on the same inputs.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/eval/dataset.h"
#include "core/report/report.h"

namespace inc::app {

struct CompareOptions {
  std::filesystem::path a, b;                           ///< the reference, and the model that is held against it
  std::optional<config::Config> config;                 ///< its evaluation data (else its calibration data) are the inputs
  std::shared_ptr<const eval::Dataset> data = nullptr;  ///< wins over the configuration
  std::int64_t samples = 16;                            ///< at most
  std::int64_t batch_size = 4;                          ///< at most; a fixed batch of the models wins
  std::map<std::string, ir::Shape> shapes = {};         ///< of synthetic inputs, where the model leaves dimensions open
  std::string adaptor = "onednn";
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::function<bool()> should_stop = {};  ///< asked between operators; what was measured so far is the result
};

/// B's values against A's, over all samples.
struct Closeness {
  double signal = 0, noise = 0, square = 0, product = 0;              ///< Σ a², Σ (b - a)², Σ b², Σ ab
  double largest = 0;                                                 ///< max |b - a|
  double low = std::numeric_limits<double>::infinity(), high = -low;  ///< of A
  bool finite = true;                                                 ///< of B, where A is
  void join(const Closeness& more);
  double sqnr_db() const;   ///< 10 log10(signal / noise); infinite where equal, minus infinity where B is not finite
  double relative() const;  ///< root of noise over signal
  double cosine() const;    ///< 1 where both are zero
  double of_range() const;  ///< `largest` over high - low
};

struct ComparedOp {
  std::string name, op_type;  ///< in A, as `inspect` names it
  std::string b_name;         ///< of the operator in B
  std::string precision;      ///< of B: "int8", "bf16", "fp32"
  Closeness total;            ///< B's value in a run of B
  /// B's operator on A's inputs: what it adds itself. Estimated where it could not run by itself (`why_not_own`): the noise
  /// of its value beyond that of what it reads.
  Closeness own;
  std::string why_not_own;
  /// A's outputs where this operator alone makes what B's makes, on the first batch; absent where that cannot be executed.
  std::optional<Closeness> effect;
  /// What they are ordered by: the error of `effect`, or else of `own`.
  double severity() const { return effect ? effect->relative() : own.relative(); }
  /// What becomes of A's inputs and weights before the operator computes; absent where nothing happens to them.
  std::optional<Closeness> input, weight;
};

struct Unmatched {
  std::string name, op_type, why;  ///< of A
};

struct Comparison {
  std::string a, b;    ///< names
  std::string inputs;  ///< what they were run on
  std::int64_t samples = 0;
  std::size_t operators = 0;        ///< of A; ops.size() of them are compared
  std::vector<ComparedOp> outputs;  ///< the models' outputs: `name` and `total`
  std::vector<ComparedOp> ops;      ///< those that harm the outputs most come first
  std::vector<Unmatched> unmatched;
  std::vector<std::string> notes;  ///< what the reader should know about the comparison
  report::Report::Machine machine;
};

/// Both models are imported and fused as `quantize` does it, but for residual sums; values are matched along both graphs,
/// Q/DQ pairs and casts looked through. An operator of B spans whatever lies between matched values. A is put into the order
/// of channels that the recipe channel_reordering gives B, and factors per channel that B's neighbouring operators share are
/// taken out. Throws ModelError for models whose inputs or outputs differ, ConfigError and DataError as the data want it.
Comparison compare(const CompareOptions& options);

/// One object; decibels that are infinite are null beside "relative": 0.
std::string to_json(const Comparison& comparison);
/// One self-contained page, worst first.
std::string to_html(const Comparison& comparison);

}  // namespace inc::app
