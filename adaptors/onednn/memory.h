#pragma once
// Between our types and oneDNN's memory descriptors.
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "core/ir/type.h"

namespace inc::onednn {

using Desc = dnnl::memory::desc;
using DataType = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

const dnnl::engine& cpu();

/// Nothing for element types oneDNN does not know (int64, bool, …).
std::optional<DataType> data_type(DType dtype) noexcept;

/// Row-major. An empty descriptor for element types oneDNN does not know and for shapes without elements; scalars
/// become one-dimensional.
Desc plain_desc(DType dtype, const ir::Shape& shape);
/// The layout is oneDNN's choice.
Desc any_desc(DataType type, const ir::Shape& shape);
/// Channels innermost.
Desc channels_last_desc(DType dtype, const ir::Shape& shape);

bool is_plain(const Desc& desc);
/// Every element once and nothing else: no padding, no gaps.
bool is_dense(const Desc& desc);
/// Dense and described by strides alone.
bool is_permuted(const Desc& desc);
/// The same order of elements in memory for another element type or for other extents where broadcast.
Desc like(const Desc& model, DataType type, const ir::Shape& shape);

std::vector<std::int64_t> row_major_strides(const ir::Shape& shape);

}  // namespace inc::onednn
