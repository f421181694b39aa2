#include "core/tuning/divergence.h"

namespace inc::tuning {

void Fp32Outputs::keep(std::int64_t first, std::span<const ir::Tensor> outputs) {
  std::size_t bytes = 0;
  for (const auto& output : outputs) bytes += output.bytes();
  full_ = full_ || used_ + bytes > budget_;
  if (full_) return;
  used_ += bytes;
  batches_[first] = {outputs.begin(), outputs.end()};
}

const std::vector<ir::Tensor>* Fp32Outputs::find(std::int64_t first) const {
  const auto it = batches_.find(first);
  return it == batches_.end() ? nullptr : &it->second;
}

void Divergence::add(std::int64_t first, std::span<const ir::Tensor> outputs) {
  const auto* expected = fp32_.find(first);
  if (expected == nullptr) return;
  for (std::size_t i = 0; i < outputs.size(); ++i) error_.add(outputs[i], (*expected)[i]);
}

}  // namespace inc::tuning
