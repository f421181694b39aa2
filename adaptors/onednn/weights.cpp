#include "adaptors/onednn/weights.h"

#include <cstdlib>
#include <cstring>

#include "core/base/error.h"

namespace inc::onednn {

std::shared_ptr<const dnnl::memory> PackedWeights::get(std::uint64_t content, const ir::Tensor& tensor, const Desc& from,
                                                       const Desc& to) {
  const std::lock_guard lock(mutex_);
  std::vector<Entry>& entries = entries_[content];
  std::erase_if(entries, [](const Entry& entry) { return entry.memory.expired(); });
  for (const Entry& entry : entries)
    if (auto known = entry.memory.lock(); known && entry.to == to && entry.from == from) return known;
  dnnl::memory packed(to, cpu());
  const ir::Tensor data = tensor.at_hand();
  dnnl::memory plain(from, cpu(), const_cast<std::byte*>(data.raw()));
  dnnl::stream stream(cpu());
  dnnl::reorder(plain, packed).execute(stream, plain, packed);
  stream.wait();
  auto made = std::make_shared<const dnnl::memory>(std::move(packed));
  entries.push_back({from, to, made});
  return made;
}

std::shared_ptr<const std::byte> PackedWeights::get(std::uint64_t content, const std::string& layout, std::size_t bytes,
                                                    const std::function<void(std::byte*)>& pack) {
  const std::lock_guard lock(mutex_);
  std::erase_if(own_, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = own_[{content, layout}];
  if (auto known = entry.lock()) return known;
  auto* storage = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (storage == nullptr) throw BackendError("out of memory: " + std::to_string(bytes) + " bytes of packed weights");
  std::shared_ptr<std::byte> made(storage, std::free);
  pack(made.get());
  entry = made;
  return made;
}

}  // namespace inc::onednn
