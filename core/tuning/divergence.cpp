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
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype() != DType::Float || outputs[i].shape() != (*expected)[i].shape()) continue;
    const auto a = outputs[i].values<float>(), b = (*expected)[i].values<float>();
    for (std::size_t j = 0; j < a.size(); ++j) {
      const double d = double{a[j]} - double{b[j]};
      difference_ += d * d;
      norm_ += double{b[j]} * double{b[j]};
    }
  }
}

double Divergence::value() const noexcept {
  return norm_ > 0 ? difference_ / norm_ : -1;
}

}  // namespace inc::tuning
