#include "adaptors/onednn/weights.h"

#include <algorithm>
#include <optional>

#include "core/base/memory.h"

namespace inc::onednn {
namespace {

constexpr std::size_t kShelf = 2 * kHugePage;

void reorder(const Desc& from, const std::byte* data, const Desc& to, std::byte* packed) {
  dnnl::memory source(from, cpu(), const_cast<std::byte*>(data)), target(to, cpu(), packed);
  dnnl::stream stream(cpu());
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

/// The axis that the tensor's first is in `from`; nothing where it is part of one.
std::optional<std::size_t> first_axis(const ir::Tensor& tensor, const Desc& from) {
  if (tensor.rank() == 0 || from.get_format_kind() != dnnl::memory::format_kind::blocked) return {};
  const std::int64_t rows = tensor.shape()[0];
  const auto dims = from.get_dims(), strides = from.get_strides();
  for (std::size_t axis = 0; axis < dims.size(); ++axis)
    if (dims[axis] == rows && strides[axis] * rows == tensor.count()) return axis;
  return {};
}

std::int64_t rows_of_a_block(const Desc& desc, std::size_t axis) {
  const auto blocks = desc.get_inner_blks(), axes = desc.get_inner_idxs();
  std::int64_t rows = 1;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (axes[i] == static_cast<std::int64_t>(axis)) rows *= blocks[i];
  return rows;
}

/// Nothing behind the elements, such as sums of them.
bool is_elements_alone(const Desc& desc) {
  std::size_t bytes = dnnl::memory::data_type_size(desc.get_data_type());
  for (const std::int64_t dim : desc.get_padded_dims()) bytes *= static_cast<std::size_t>(dim);
  return desc.get_size() == bytes;
}

/// By rows of the tensor's first axis, where a part of the layout is a layout.
void pack(const ir::Tensor& tensor, const Desc& from, const Desc& to, std::byte* packed) {
  const auto axis = first_axis(tensor, from);
  auto dims = from.get_dims();
  dnnl::memory::dims begin(dims.size(), 0);
  const std::int64_t block = axis ? rows_of_a_block(to, *axis) : 1;
  if (axis) dims[*axis] = std::min(dims[*axis], block);
  if (!axis || !is_elements_alone(to) || !to.submemory_desc(dims, begin, true))
    return reorder(from, tensor.at_hand().raw(), to, packed);
  ir::for_rows(tensor, block, [&](const ir::Tensor& rows, std::int64_t first) {
    dims[*axis] = rows.shape()[0];
    const Desc these(dims, from.get_data_type(), from.get_strides());
    begin[*axis] = first;
    reorder(these, rows.raw(), to.submemory_desc(dims, begin), packed);
  });
}

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
  pack(tensor, from, to, packed->storage.get());
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
