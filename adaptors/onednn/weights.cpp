#include "adaptors/onednn/weights.h"

#include "core/base/memory.h"

namespace inc::onednn {
namespace {

constexpr std::size_t kShelf = 2 * kHugePage;

}  // namespace

std::shared_ptr<std::byte> PackedWeights::place(std::size_t bytes) {
  if (bytes >= kHugePage) return storage(bytes);
  std::shared_ptr<std::byte> shelf = shelf_.lock();
  if (shelf == nullptr || used_ + bytes > kShelf) {
    shelf = storage(kShelf);
    shelf_ = shelf;
    used_ = 0;
  }
  std::byte* here = shelf.get() + used_;
  used_ += aligned(bytes);
  return {std::move(shelf), here};
}

std::shared_ptr<const dnnl::memory> PackedWeights::get(std::uint64_t content, const ir::Tensor& tensor, const Desc& from,
                                                       const Desc& to) {
  const std::lock_guard lock(mutex_);
  std::vector<Entry>& entries = entries_[content];
  std::erase_if(entries, [](const Entry& entry) { return entry.memory.expired(); });
  for (const Entry& entry : entries)
    if (auto known = entry.memory.lock(); known && entry.to == to && entry.from == from) return known;
  struct Packed {
    std::shared_ptr<std::byte> storage;
    dnnl::memory memory;
  };
  const auto packed = std::make_shared<Packed>(place(to.get_size()));
  packed->memory = dnnl::memory(to, cpu(), packed->storage.get());
  const ir::Tensor data = tensor.at_hand();
  dnnl::memory plain(from, cpu(), const_cast<std::byte*>(data.raw()));
  dnnl::stream stream(cpu());
  dnnl::reorder(plain, packed->memory).execute(stream, plain, packed->memory);
  stream.wait();
  const std::shared_ptr<const dnnl::memory> made(packed, &packed->memory);
  entries.push_back({from, to, made});
  return made;
}

std::shared_ptr<const std::byte> PackedWeights::get(std::uint64_t content, const std::string& layout, std::size_t bytes,
                                                    const std::function<void(std::byte*)>& pack) {
  const std::lock_guard lock(mutex_);
  std::erase_if(own_, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = own_[{content, layout}];
  if (auto known = entry.lock()) return known;
  const std::shared_ptr<std::byte> made = place(bytes);
  pack(made.get());
  entry = made;
  return made;
}

}  // namespace inc::onednn
