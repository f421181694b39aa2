#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/eval/metrics.h"

namespace inc::eval {
namespace {

enum class Kind { Mse, Rmse, Mae };
constexpr std::array<std::string_view, 3> kNames{"MSE", "RMSE", "MAE"};

class ValueError final : public MeanMetric {
 public:
  ValueError(Kind kind, bool compare_label) : kind_(kind), compare_label_(compare_label) {}
  std::string name() const override { return std::string(kNames[static_cast<std::size_t>(kind_)]); }
  bool higher_is_better() const override { return false; }
  bool needs_labels() const override { return compare_label_; }
  bool needs_reference() const override { return !compare_label_; }
  ScoreBounds score_bounds() const override { return {.low = 0}; }
  double value_of(double mean) const override { return kind_ == Kind::Rmse ? std::sqrt(mean) : mean; }
  double mean_of(double value) const override { return kind_ == Kind::Rmse ? value * value : value; }

 protected:
  void score(const MetricBatch& batch) override {
    const ir::Tensor output = batch.output(0), other = compare_label_ ? ir::Tensor{} : batch.reference_output(0);
    const std::int64_t step = output.count() / batch.count;
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const ir::Tensor label = compare_label_ ? batch.value_label(i, step) : ir::Tensor{};
      const float* wanted = compare_label_ ? label.data<float>() : other.data<float>() + i * step;
      const float* found = output.data<float>() + i * step;
      double sum = 0;
      for (std::int64_t e = 0; e < step; ++e) {
        const double difference = static_cast<double>(found[e]) - static_cast<double>(wanted[e]);
        sum += kind_ == Kind::Mae ? std::abs(difference) : difference * difference;
      }
      if (!std::isfinite(sum))
        throw DataError(
            fmt::format("label of sample {} is not finite: {} found, finite values expected", batch.first + i, sum));
      add(sum, static_cast<double>(step));
    }
  }

 private:
  Kind kind_;
  bool compare_label_;
};

class Loss final : public MeanMetric {
 public:
  std::string name() const override { return "Loss"; }
  bool higher_is_better() const override { return false; }
  bool needs_labels() const override { return false; }

 protected:
  void score(const MetricBatch& batch) override {
    if (batch.outputs[0].count() == 1) {
      const MetricBatch whole{batch.outputs, batch.inputs, batch.labels, batch.reference, batch.first, 1};
      const ir::Tensor loss = whole.output(0);
      for (std::int64_t i = 0; i < batch.count; ++i) add(loss.data<float>()[0]);
      return;
    }
    const ir::Tensor output = batch.output(0);
    const std::int64_t step = output.count() / batch.count;
    for (std::int64_t i = 0; i < batch.count; ++i) {
      double sum = 0;
      for (std::int64_t e = i * step; e < (i + 1) * step; ++e) sum += output.data<float>()[e];
      add(sum);
    }
  }
};

std::unique_ptr<Metric> make_value_error(Parameters& parameters, Kind kind) {
  return std::make_unique<ValueError>(kind, parameters.flag("compare_label", true));
}

}  // namespace

std::unique_ptr<Metric> make_mse(Parameters& parameters) {
  return make_value_error(parameters, Kind::Mse);
}
std::unique_ptr<Metric> make_rmse(Parameters& parameters) {
  return make_value_error(parameters, Kind::Rmse);
}
std::unique_ptr<Metric> make_mae(Parameters& parameters) {
  return make_value_error(parameters, Kind::Mae);
}
std::unique_ptr<Metric> make_loss(Parameters&) {
  return std::make_unique<Loss>();
}

}  // namespace inc::eval
