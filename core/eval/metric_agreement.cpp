#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/eval/metrics.h"

namespace inc::eval {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"top1", "cosine", "kl", "mse"};

using Values = std::span<const float>;

double same_top1(Values a, Values b) {
  return argmax(a) == argmax(b) ? 1.0 : 0.0;
}

double log_sum_exp(Values values) {
  const double peak = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (const float v : values) sum += std::exp(static_cast<double>(v) - peak);
  return std::log(sum) + peak;
}

double divergence(Values found, Values wanted) {
  const double found_norm = log_sum_exp(found), wanted_norm = log_sum_exp(wanted);
  double sum = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double log_p = static_cast<double>(wanted[i]) - wanted_norm, log_q = static_cast<double>(found[i]) - found_norm;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return std::max(0.0, sum);
}

/// Compares the first output row by row (rows run along the last axis), or all outputs as one vector per sample.
class Agreement final : public MeanMetric {
 public:
  explicit Agreement(std::string kind) : kind_(std::move(kind)) {}
  std::string name() const override { return "agreement " + kind_; }
  bool higher_is_better() const override { return kind_ == "top1" || kind_ == "cosine"; }
  bool needs_labels() const override { return false; }
  bool needs_reference() const override { return true; }
  ScoreBounds score_bounds() const override {
    if (kind_ == "top1") return {0, 1, !several_rows_};
    if (kind_ == "cosine") return {.low = -1, .high = 1};
    return {.low = 0};
  }

 protected:
  void score(const MetricBatch& batch) override {
    if (kind_ == "top1" || kind_ == "kl")
      score_rows(batch);
    else
      score_vectors(batch);
  }

 private:
  void score_rows(const MetricBatch& batch) {
    const ir::Tensor found = batch.output(0), wanted = batch.reference_output(0);
    const std::int64_t sample = found.count() / batch.count, last = found.rank() == 0 ? 1 : found.shape().back();
    const std::int64_t width = sample % last == 0 ? last : sample;
    several_rows_ = several_rows_ || sample != width;
    for (std::int64_t i = 0; i < batch.count; ++i) {
      double sum = 0;
      for (std::int64_t at = i * sample; at < (i + 1) * sample; at += width) {
        const auto row = [&](const ir::Tensor& t) {
          return t.values<float>().subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(width));
        };
        sum += kind_ == "top1" ? same_top1(row(found), row(wanted)) : divergence(row(found), row(wanted));
      }
      add(sum, static_cast<double>(sample / width));
    }
  }

  void score_vectors(const MetricBatch& batch) {
    struct Sums {
      double ab = 0, aa = 0, bb = 0, error = 0, count = 0;
    };
    std::vector<Sums> sums(static_cast<std::size_t>(batch.count));
    for (std::size_t o = 0; o < batch.outputs.size(); ++o) {
      const ir::Tensor found = batch.output(o), wanted = batch.reference_output(o);
      const std::int64_t sample = found.count() / batch.count;
      for (std::int64_t e = 0; e < found.count(); ++e) {
        const double a = found.data<float>()[e], b = wanted.data<float>()[e];
        Sums& s = sums[static_cast<std::size_t>(e / sample)];
        s.ab += a * b;
        s.aa += a * a;
        s.bb += b * b;
        s.error += (a - b) * (a - b);
        s.count += 1;
      }
    }
    for (const Sums& s : sums) {
      if (kind_ == "mse")
        add(s.error, s.count);
      else if (s.aa == 0 || s.bb == 0)
        add(s.aa == s.bb ? 1.0 : 0.0);
      else
        add(s.ab / std::sqrt(s.aa * s.bb));
    }
  }

  std::string kind_;
  bool several_rows_ = false;
};

}  // namespace

std::unique_ptr<Metric> make_agreement(Parameters& parameters) {
  return std::make_unique<Agreement>(parameters.choice("kind", kKinds, "top1"));
}

}  // namespace inc::eval
