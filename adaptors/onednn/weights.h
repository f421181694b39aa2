#pragma once
// Constant operands in the layouts that primitives ask for: packed once per (content, layout) and shared by all plans
// of an adaptor, for as long as one of them lives. Thread-safe.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "adaptors/onednn/memory.h"
#include "core/ir/tensor.h"

namespace inc::onednn {

class PackedWeights {
 public:
  /// `tensor` in the layout `from`, reordered to `to`. `content` identifies its data.
  std::shared_ptr<const dnnl::memory> get(std::uint64_t content, const ir::Tensor& tensor, const Desc& from, const Desc& to);
  /// In a layout of our own kernels: `bytes` filled by `pack`, aligned to 64. `layout` identifies what `pack` does.
  std::shared_ptr<const std::byte> get(std::uint64_t content, const std::string& layout, std::size_t bytes,
                                       const std::function<void(std::byte*)>& pack);

 private:
  /// Small ones side by side in huge pages, which are freed with the last of them: 1 to 2 % less time on one core of a Zen 4
  /// for BERT-base and ResNet-50 in INT8.
  std::shared_ptr<std::byte> place(std::size_t bytes);

  struct Entry {
    Desc from, to;
    std::weak_ptr<const dnnl::memory> memory;
  };
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<Entry>> entries_;
  std::map<std::pair<std::uint64_t, std::string>, std::weak_ptr<const std::byte>> own_;
  std::weak_ptr<std::byte> shelf_;
  std::size_t used_ = 0;  ///< of the shelf
};

}  // namespace inc::onednn
