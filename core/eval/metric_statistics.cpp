#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/eval/metrics.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

/// Places in sorted order, from 1; equal values share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
  }
  return ranks;
}

double mean_of_all(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// Pearson's; 0 where one of them does not vary.
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean_of_all(a), mean_b = mean_of_all(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0.0;
}

/// A number per sample beside the label's, kept to the end.
class Paired : public Metric {
 public:
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    const MetricBatch batch =
        checked_batch(*this, outputs, inputs, labels, reference, static_cast<std::int64_t>(pairs_.size()));
    const ir::Tensor output = batch.output(0);
    const auto step = static_cast<std::size_t>(output.count() / batch.count);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const auto own = output.values<float>().subspan(static_cast<std::size_t>(i) * step, step);
      pairs_.emplace_back(number_of(own, batch.first + i), label_of(batch, i));
    }
  }
  double value() const override {
    if (pairs_.empty())
      throw DataError(fmt::format("metric {} has no value: no samples seen, at least one expected", name()));
    auto sorted = pairs_;
    std::sort(sorted.begin(), sorted.end());
    std::vector<double> found, wanted;
    for (const auto& [a, b] : sorted) {
      found.push_back(a);
      wanted.push_back(b);
    }
    return value_of_pairs(found, wanted);
  }
  void reset() override { pairs_.clear(); }

 protected:
  virtual double number_of(std::span<const float> output, std::int64_t sample) const = 0;
  virtual double label_of(const MetricBatch& batch, std::int64_t sample) const = 0;
  virtual double value_of_pairs(const std::vector<double>& found, const std::vector<double>& wanted) const = 0;

 private:
  std::vector<std::pair<double, double>> pairs_;
};

/// Mean of Pearson's and Spearman's.
class Correlation final : public Paired {
 public:
  std::string name() const override { return "correlation"; }

 protected:
  double number_of(std::span<const float> output, std::int64_t sample) const override {
    if (output.size() != 1)
      throw DataError(fmt::format("output of sample {} is no number: {} values found, one expected", sample, output.size()));
    return output[0];
  }
  double label_of(const MetricBatch& batch, std::int64_t sample) const override {
    const double value = batch.value_label(sample, 1).data<float>()[0];
    if (!std::isfinite(value))
      throw DataError(
          fmt::format("label of sample {} is not finite: {} found, a number expected", batch.first + sample, value));
    return value;
  }
  double value_of_pairs(const std::vector<double>& found, const std::vector<double>& wanted) const override {
    return (correlation(found, wanted) + correlation(ranks_of(found), ranks_of(wanted))) / 2;
  }
};

/// The probability that a sample of class 1 has a higher score than one of class 0 (equal scores count half).
class AreaUnderRoc final : public Paired {
 public:
  std::string name() const override { return "ROC"; }

 protected:
  double number_of(std::span<const float> output, std::int64_t sample) const override {
    if (output.size() > 2)
      throw DataError(fmt::format("output of sample {} has too many classes: {} values found, one or two expected", sample,
                                  output.size()));
    return output.size() == 1 ? output[0] : static_cast<double>(output[1]) - static_cast<double>(output[0]);
  }
  double label_of(const MetricBatch& batch, std::int64_t sample) const override {
    return static_cast<double>(batch.class_label(sample, 2));
  }
  double value_of_pairs(const std::vector<double>& found, const std::vector<double>& wanted) const override {
    const std::vector<double> ranks = ranks_of(found);
    double sum = 0, ones = 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      sum += wanted[i] * ranks[i];
      ones += wanted[i];
    }
    const double zeros = static_cast<double>(ranks.size()) - ones;
    if (ones == 0 || zeros == 0)
      throw DataError(
          fmt::format("metric ROC has no value: {} samples of class 0 and {} of class 1 found, both expected", zeros, ones));
    return (sum - ones * (ones + 1) / 2) / (ones * zeros);
  }
};

/// Mean over classes of intersection over union of the places that are said to be of a class, and that are.
class MeanIntersectionOverUnion final : public Metric {
 public:
  MeanIntersectionOverUnion(std::int64_t classes, bool last) : classes_(classes), last_(last) { reset(); }
  std::string name() const override { return "mIOU"; }
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    const MetricBatch batch = checked_batch(*this, outputs, inputs, labels, reference, seen_);
    const ir::Tensor output = batch.output(0);
    const std::int64_t step = output.count() / batch.count;
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const ir::Tensor label = cast_to(labels[static_cast<std::size_t>(i)], DType::Double);
      const std::int64_t places = label.count();
      if (places == 0 || (step != places && step != places * classes_))
        throw DataError(
            fmt::format("label of sample {} has the wrong form: {} places found, {} expected, or {} with a score "
                        "for each of {} classes",
                        seen_ + i, places, step, step / classes_, classes_));
      count(output.data<float>() + i * step, label.data<double>(), places, step == places && classes_ > 1, seen_ + i);
    }
    seen_ += batch.count;
  }
  double value() const override {
    double sum = 0, present = 0;
    for (const Count& c : counts_) {
      const std::int64_t all = c.predicted + c.labelled - c.right;
      if (all == 0) continue;
      sum += static_cast<double>(c.right) / static_cast<double>(all);
      present += 1;
    }
    if (present == 0) throw DataError("metric mIOU has no value: no labels of a class found, at least one expected");
    return sum / present;
  }
  void reset() override {
    counts_.assign(static_cast<std::size_t>(classes_), {});
    seen_ = 0;
  }

 private:
  struct Count {
    std::int64_t right = 0, predicted = 0, labelled = 0;
  };
  void count(const float* output, const double* label, std::int64_t places, bool numbers, std::int64_t sample) {
    for (std::int64_t p = 0; p < places; ++p) {
      if (!(label[p] >= 0 && label[p] < static_cast<double>(classes_))) continue;
      const double found = numbers ? output[p] : best(output, p, places);
      if (!(found >= 0 && found < static_cast<double>(classes_)) || found != std::floor(found))
        throw DataError(fmt::format("output of sample {} is not a class: {} found at place {}, 0..{} expected", sample,
                                    found, p, classes_ - 1));
      Count& wanted = counts_[static_cast<std::size_t>(label[p])];
      Count& said = counts_[static_cast<std::size_t>(found)];
      ++wanted.labelled;
      ++said.predicted;
      said.right += &wanted == &said ? 1 : 0;
    }
  }
  double best(const float* output, std::int64_t place, std::int64_t places) const {
    const std::int64_t first = last_ ? place * classes_ : place, step = last_ ? 1 : places;
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < classes_; ++c)
      if (output[first + c * step] > output[first + best * step]) best = c;
    return static_cast<double>(best);
  }

  std::int64_t classes_;
  bool last_;
  std::vector<Count> counts_;
  std::int64_t seen_ = 0;
};

}  // namespace

std::unique_ptr<Metric> make_roc(Parameters&) {
  return std::make_unique<AreaUnderRoc>();
}

std::unique_ptr<Metric> make_miou(Parameters& parameters) {
  const std::int64_t classes = parameters.integer("num_classes", 21);
  if (classes < 1 || classes > 1000000) parameters.refuse("num_classes", fmt::format("{}", classes), "1..1000000");
  const std::int64_t axis = parameters.integer("axis", 1);
  if (axis != 1 && axis != -1)
    parameters.refuse("axis", fmt::format("{}", axis), "1 or -1: where the scores of classes are");
  return std::make_unique<MeanIntersectionOverUnion>(classes, axis == -1);
}

std::unique_ptr<Metric> make_glue(Parameters& parameters) {
  static constexpr std::array<std::string_view, 9> kTasks{"mrpc", "qqp",  "qnli", "rte",  "sts-b",
                                                          "cola", "mnli", "wnli", "sst-2"};
  const std::string task = parameters.choice("task", kTasks, "mrpc");
  if (task == "sts-b") return std::make_unique<Correlation>();
  if (task == "cola") return make_matthews();
  if (task != "mrpc") return make_accuracy(parameters);
  Parameters binary("metric F1", {"F1", {std::string("binary"), ""}, ""}, "average");
  return make_f1(binary);
}

}  // namespace inc::eval
