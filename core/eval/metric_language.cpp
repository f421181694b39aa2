#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/eval/metrics.h"

namespace inc::eval {
namespace {

/// -log softmax(logits)[target], in double.
double negative_log_likelihood(std::span<const float> logits, std::size_t target) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - peak);
  return std::log(sum) + peak - static_cast<double>(logits[target]);
}

class LanguageModel final : public MeanMetric {
 public:
  LanguageModel(bool perplexity, std::size_t input, std::optional<std::int64_t> ignored)
      : perplexity_(perplexity), input_(input), ignored_(ignored) {}
  std::string name() const override { return perplexity_ ? "perplexity" : "nll"; }
  bool higher_is_better() const override { return false; }
  bool needs_labels() const override { return false; }
  ScoreBounds score_bounds() const override { return {.low = 0}; }
  double value_of(double mean) const override { return perplexity_ ? std::exp(mean) : mean; }
  double mean_of(double value) const override { return perplexity_ ? std::log(value) : value; }

 protected:
  void score(const MetricBatch& batch) override {
    if (input_ >= batch.inputs.size() || !is_integer(batch.inputs[input_].dtype()) || batch.inputs[input_].rank() != 2)
      throw DataError(fmt::format("metric {} finds no token ids: {} found as input {}, integers [samples, tokens] expected",
                                  name(), input_ < batch.inputs.size() ? batch.inputs[input_].type().to_string() : "nothing",
                                  input_));
    const ir::Tensor logits = batch.output(0);
    const std::int64_t tokens = batch.inputs[input_].shape()[1];
    if (logits.rank() != 3 || logits.shape()[0] != batch.count || logits.shape()[1] != tokens)
      throw DataError(fmt::format("metric {} cannot use the output: {} found, [{}, {}, vocabulary] expected", name(),
                                  logits.type().to_string(), batch.count, tokens));
    const auto ids = batch.inputs[input_].to_int64s();
    for (std::int64_t i = 0; i < batch.count; ++i) score_row(logits, ids, batch.first, i);
  }

 private:
  void score_row(const ir::Tensor& logits, const std::vector<std::int64_t>& ids, std::int64_t first, std::int64_t row) {
    const std::int64_t tokens = logits.shape()[1], vocabulary = logits.shape()[2];
    double sum = 0, count = 0;
    for (std::int64_t t = 0; t + 1 < tokens; ++t) {
      const std::int64_t target = ids[static_cast<std::size_t>(row * tokens + t + 1)];
      if (ignored_ && target == *ignored_) continue;
      if (target < 0 || target >= vocabulary)
        throw DataError(fmt::format("token {} of sample {} is not in the vocabulary: {} found, 0..{} expected", t + 1,
                                    first + row, target, vocabulary - 1));
      const float* position = logits.data<float>() + (row * tokens + t) * vocabulary;
      sum += negative_log_likelihood({position, static_cast<std::size_t>(vocabulary)}, static_cast<std::size_t>(target));
      count += 1;
    }
    add(sum, count);
  }

  bool perplexity_;
  std::size_t input_;
  std::optional<std::int64_t> ignored_;
};

std::unique_ptr<Metric> make_language_model(Parameters& parameters, bool perplexity) {
  const std::int64_t input = parameters.integer("input", 0);
  if (input < 0) parameters.refuse("input", fmt::format("{}", input), "the position of a model input, from 0");
  std::optional<std::int64_t> ignored;
  if (parameters.has("ignore_index")) ignored = parameters.integer("ignore_index");
  return std::make_unique<LanguageModel>(perplexity, static_cast<std::size_t>(input), ignored);
}

}  // namespace

std::unique_ptr<Metric> make_nll(Parameters& parameters) {
  return make_language_model(parameters, false);
}
std::unique_ptr<Metric> make_perplexity(Parameters& parameters) {
  return make_language_model(parameters, true);
}

}  // namespace inc::eval
