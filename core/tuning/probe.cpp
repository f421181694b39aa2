#include "core/tuning/probe.h"

#include <algorithm>
#include <cmath>

namespace inc::tuning {

Probe::Probe(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, std::int64_t samples,
             std::int64_t most) {
  const std::int64_t batch = eval::usable_batch_size(fused, 1);
  const std::int64_t batches = std::min(samples, data.size()) / batch;
  const std::int64_t wanted = std::clamp<std::int64_t>(most / batch, 1, std::max<std::int64_t>(1, batches));
  for (std::int64_t i = 0; i < wanted && batches > 0; ++i) {
    inputs_.push_back(eval::load_batch(fused, data, i * batches / wanted * batch, batch).inputs);
    expected_.push_back(fp32.run(inputs_.back()));
  }
}

Probe::Found Probe::operator()(const runtime::Executable& executable) const {
  constexpr double kLeast = 1e-12;
  Found found;
  double logarithms = 0;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const auto outputs = executable.run(inputs_[i]);
    calib::OutputDistance one;
    one.add(outputs, expected_[i]);
    found.all.add(outputs, expected_[i]);
    logarithms += std::log(std::max(one.divergence(), kLeast));
  }
  if (!inputs_.empty()) found.typical = std::exp(logarithms / static_cast<double>(inputs_.size()));
  return found;
}

}  // namespace inc::tuning
