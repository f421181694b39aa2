#include "core/tuning/probe.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace inc::tuning {
namespace {

constexpr double kLeast = 1e-12;
/// Standard errors that are granted to n samples: two, and for 2 or 3 samples Student's quantile of the same certainty.
constexpr double kGranted[] = {0, 0, 14.0, 4.6, 2};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double granted(std::size_t samples) {
  return kGranted[std::min(samples, std::size(kGranted) - 1)];
}

double standard_error(const std::vector<double>& values) {
  const double middle = mean(values), count = static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / (count * (count - 1)));
}

}  // namespace

std::int64_t predictions(std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> outputs) {
  std::int64_t most = 1;
  for (const ir::Tensor& input : inputs)
    for (const ir::Tensor& output : outputs)
      if (is_integer(input.dtype()) && input.rank() == 2 && output.rank() == 3 && output.shape()[1] == input.shape()[1])
        most = std::max(most, input.shape()[1]);
  return most;
}

Probe::Probe(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, std::int64_t samples,
             std::int64_t fewest, std::int64_t most) {
  const std::int64_t batch = eval::usable_batch_size(fused, 1);
  const std::int64_t batches = std::min(samples, data.size()) / batch;
  std::int64_t wanted = std::min<std::int64_t>(batches, 1);
  for (std::int64_t i = 0; i < wanted; ++i) {
    inputs_.push_back(eval::load_batch(fused, data, i * batches / wanted * batch, batch).inputs);
    expected_.push_back(fp32.run(inputs_.back()));
    if (i > 0) continue;
    predictions_ = tuning::predictions(inputs_.back(), expected_.back());
    wanted = std::clamp<std::int64_t>(std::max(fewest, most / predictions_) / batch, 1, batches);
  }
}

void Probe::look(std::size_t sample, const runtime::Executable& executable, Found& found) const {
  const auto outputs = executable.run(inputs_[sample]);
  const calib::SquaredError one = found.all.add(outputs, expected_[sample]);
  found.logarithms.push_back(std::log(std::max(one.value(), kLeast)));
}

Probe::Found Probe::operator()(const runtime::Executable& executable) const {
  Found found;
  for (std::size_t i = 0; i < inputs_.size(); ++i) look(i, executable, found);
  if (!inputs_.empty()) found.typical = std::exp(mean(found.logarithms));
  return found;
}

Probe::Found Probe::against(const Found& rival, double share, const runtime::Executable& executable) const {
  Found found;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < inputs_.size() && found.whole; ++i) {
    look(i, executable, found);
    ratios.push_back(found.logarithms.back() - rival.logarithms.at(i));
    found.whole =
        ratios.size() < 2 || !(mean(ratios) - granted(ratios.size()) * standard_error(ratios) > std::log(share));
  }
  if (!inputs_.empty())
    found.typical = found.whole ? std::exp(mean(found.logarithms)) : rival.typical * std::exp(mean(ratios));
  return found;
}

}  // namespace inc::tuning
