#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/eval/metrics.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

constexpr std::int64_t kManyClasses = std::int64_t{1} << 53;

std::span<const float> part(const ir::Tensor& output, const MetricBatch& batch, std::int64_t sample) {
  const auto step = static_cast<std::size_t>(output.count() / batch.count);
  return output.values<float>().subspan(static_cast<std::size_t>(sample) * step, step);
}

/// The class of a sample: the only value, or the place of the largest.
std::int64_t predicted(const ir::Tensor& output, const MetricBatch& batch, std::int64_t sample) {
  const auto scores = part(output, batch, sample);
  if (scores.size() > 1) return argmax(scores);
  if (scores[0] != std::floor(scores[0]))
    throw DataError(fmt::format("output of sample {} is not a class: {} found, a class number or a score per class expected",
                                batch.first + sample, scores[0]));
  return static_cast<std::int64_t>(scores[0]);
}

std::int64_t classes_of(const ir::Tensor& output, const MetricBatch& batch) {
  const std::int64_t elements = output.count() / batch.count;
  return elements > 1 ? elements : kManyClasses;
}

class TopK final : public MeanMetric {
 public:
  explicit TopK(std::int64_t k) : k_(k) {}
  std::string name() const override { return fmt::format("top{}", k_); }
  ScoreBounds score_bounds() const override { return {0, 1, true}; }

 protected:
  void score(const MetricBatch& batch) override {
    const ir::Tensor output = batch.output(0);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const auto scores = part(output, batch, i);
      if (scores.size() < 2)
        throw DataError(
            fmt::format("output of sample {} has no scores: 1 value found, one per class expected", batch.first + i));
      const auto label = static_cast<std::size_t>(batch.class_label(i, static_cast<std::int64_t>(scores.size())));
      std::int64_t ahead = 0;
      for (std::size_t c = 0; c < scores.size(); ++c)
        ahead += scores[c] > scores[label] || (scores[c] == scores[label] && c < label);
      add(ahead < k_ ? 1.0 : 0.0);
    }
  }

 private:
  std::int64_t k_;
};

class Accuracy final : public MeanMetric {
 public:
  std::string name() const override { return "Accuracy"; }
  ScoreBounds score_bounds() const override { return {0, 1, true}; }

 protected:
  void score(const MetricBatch& batch) override {
    const ir::Tensor output = batch.output(0);
    for (std::int64_t i = 0; i < batch.count; ++i)
      add(predicted(output, batch, i) == batch.class_label(i, classes_of(output, batch)) ? 1.0 : 0.0);
  }
};

/// A function of how often each class was predicted, was the label, and was both.
class Counted : public Metric {
 public:
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    const MetricBatch batch = checked_batch(*this, outputs, inputs, labels, reference, seen_);
    const ir::Tensor output = batch.output(0);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const std::int64_t found = predicted(output, batch, i), wanted = batch.class_label(i, classes_of(output, batch));
      ++counts_[found].predicted;
      ++counts_[wanted].labelled;
      if (found == wanted) ++counts_[found].right;
    }
    seen_ += batch.count;
  }
  double value() const override {
    if (seen_ == 0) throw DataError(fmt::format("metric {} has no value: no samples seen, at least one expected", name()));
    return value_of_counts();
  }
  void reset() override {
    counts_.clear();
    seen_ = 0;
  }

 protected:
  struct Count {
    std::int64_t right = 0, predicted = 0, labelled = 0;
    double f1() const { return 2.0 * static_cast<double>(right) / static_cast<double>(predicted + labelled); }
  };
  virtual double value_of_counts() const = 0;
  const std::map<std::int64_t, Count>& counts() const noexcept { return counts_; }
  std::int64_t seen() const noexcept { return seen_; }

 private:
  std::map<std::int64_t, Count> counts_;
  std::int64_t seen_ = 0;
};

class F1 final : public Counted {
 public:
  explicit F1(std::string average) : average_(std::move(average)) {}
  std::string name() const override { return average_ == "auto" ? "F1" : "F1 " + average_; }

 protected:
  double value_of_counts() const override {
    const bool two = counts().begin()->first >= 0 && counts().rbegin()->first <= 1;
    if (average_ == "binary" && !two)
      throw DataError(fmt::format("metric F1 binary has no value: classes {} to {} found, 0 and 1 expected",
                                  counts().begin()->first, counts().rbegin()->first));
    if (average_ == "binary" || (average_ == "auto" && two)) {
      const auto positive = counts().find(1);
      return positive == counts().end() ? 0.0 : positive->second.f1();
    }
    double sum = 0, weighted = 0, right = 0;
    for (const auto& [label, count] : counts()) {
      sum += count.f1();
      weighted += count.f1() * static_cast<double>(count.labelled);
      right += static_cast<double>(count.right);
    }
    const double samples = static_cast<double>(seen());
    return average_ == "micro"      ? right / samples
           : average_ == "weighted" ? weighted / samples
                                    : sum / static_cast<double>(counts().size());
  }

 private:
  std::string average_;
};

/// Matthews' correlation; of several classes as Gorodkin: "Comparing two K-category assignments by a K-category correlation
/// coefficient", Computational Biology and Chemistry 2004. 0 where all samples are, or are said to be, of one class.
class Matthews final : public Counted {
 public:
  std::string name() const override { return "Matthews"; }

 protected:
  double value_of_counts() const override {
    const double all = static_cast<double>(seen());
    double right = 0, both = 0, predicted = 0, labelled = 0;
    for (const auto& [label, count] : counts()) {
      const double p = static_cast<double>(count.predicted), l = static_cast<double>(count.labelled);
      right += static_cast<double>(count.right);
      both += p * l;
      predicted += p * p;
      labelled += l * l;
    }
    const double spread = (all * all - predicted) * (all * all - labelled);
    return spread > 0 ? (right * all - both) / std::sqrt(spread) : 0.0;
  }
};

}  // namespace

std::unique_ptr<Metric> make_topk(Parameters& parameters) {
  const std::int64_t k = parameters.integer("k", 1);
  if (k < 1) parameters.refuse("k", fmt::format("{}", k), "at least 1");
  return std::make_unique<TopK>(k);
}

std::unique_ptr<Metric> make_accuracy(Parameters&) {
  return std::make_unique<Accuracy>();
}

std::unique_ptr<Metric> make_f1(Parameters& parameters) {
  static constexpr std::array<std::string_view, 5> kAverages{"auto", "binary", "macro", "micro", "weighted"};
  return std::make_unique<F1>(parameters.choice("average", kAverages, "auto"));
}

std::unique_ptr<Metric> make_matthews() {
  return std::make_unique<Matthews>();
}

}  // namespace inc::eval
