#pragma once
// Constant operands in the layouts that primitives ask for: packed once per (content, layout) and shared by all plans
// of an adaptor, for as long as one of them lives. Thread-safe.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "adaptors/onednn/memory.h"

namespace inc::onednn {

class PackedWeights {
 public:
  /// `data` in the layout `from`, reordered to `to`. `content` identifies the data.
  std::shared_ptr<const dnnl::memory> get(std::uint64_t content, const void* data, const Desc& from, const Desc& to);

 private:
  struct Entry {
    Desc from, to;
    std::weak_ptr<const dnnl::memory> memory;
  };
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<Entry>> entries_;
};

}  // namespace inc::onednn
