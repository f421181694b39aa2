#include <algorithm>
#include <cstring>
#include <set>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/walk.h"
#include "core/base/error.h"
#include "core/ops/pad.h"
#include "kernels/move/move.h"

namespace inc::onednn {
namespace {

/// dst[…] = src[…] for `dims`, with offsets and strides in elements.
struct Copy {
  int from, to;
  std::int64_t from_offset = 0, to_offset = 0;
  ir::Shape from_strides, to_strides, dims;
};

void add_copy(Builder& b, const ir::Node& node, Copy c) {
  const std::size_t size = size_of(b.slot(c.to).dtype);
  b.step(node, "inc:copy:sse2", {c.from}, {c.to}, [c = std::move(c), size](Frame& f) {
    const auto bytes = static_cast<std::int64_t>(size);
    kernels::copy_strided(f.at(c.from) + c.from_offset * bytes, c.from_strides, f.at(c.to) + c.to_offset * bytes,
                          c.to_strides, c.dims, size);
  });
}

ir::Shape own_strides(const Slot& slot) {
  return strides_along(slot, slot.shape);
}

/// A destination slot that keeps the memory order of `from`.
int make_alike(Builder& b, ir::ValueId value, int from) {
  const Desc& desc = b.slot(from).desc;
  if (desc.is_zero() || is_plain(desc)) return b.make(value);
  return b.make(value, like(desc, desc.get_data_type(), b.shape(value)));
}

bool emit_view(Builder& b, const ir::Node& node) {
  b.bind(node.outputs[0], b.view(b.plain(node.inputs[0]), b.dtype(node.outputs[0]), b.shape(node.outputs[0])));
  return true;
}

/// A description of `value` with channels innermost, where axis 1 is worth being told apart from the others.
std::optional<Desc> channels_last(const Builder& b, ir::ValueId value) {
  const ir::Shape& shape = b.shape(value);
  if (shape.size() < 3 || shape.size() > DNNL_MAX_NDIMS || ir::element_count(shape) == 0 || !data_type(b.dtype(value)))
    return std::nullopt;
  Desc desc = channels_last_desc(b.dtype(value), shape);
  return is_plain(desc) ? std::nullopt : std::optional(desc);
}

/// Same places in memory: strides of axes with one element do not count.
bool same_places(const ir::Shape& shape, const ir::Shape& a, const ir::Shape& b) {
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1 && a[i] != b[i]) return false;
  return true;
}

/// Pixels that are split or merged behind the channels stay where they are when channels are innermost. With what Transpose
/// describes (SegFormer-B0 with 256×256 pixels, one Zen 5 core): FP32 35.5 ms to 20.9, INT8 24.9 to 9.9.
bool emit_reshape(Builder& b, const ir::Node& node) {
  const ir::Shape &in = b.shape(node.inputs[0]), &out = b.shape(node.outputs[0]);
  const auto from = channels_last(b, node.inputs[0]), to = channels_last(b, node.outputs[0]);
  if (!from || !to || in[0] != out[0] || in[1] != out[1]) return emit_view(b, node);
  const int slot = b.permuted(node.inputs[0]);
  if (!same_places(in, own_strides(b.slot(slot)), from->get_strides())) return emit_view(b, node);
  b.bind(node.outputs[0], b.view(slot, b.dtype(node.outputs[0]), out, *to));
  return true;
}

bool emit_identity(Builder& b, const ir::Node& node) {
  if (node.outputs.size() > 1 && !node.outputs[1].none()) return false;
  if (!node.input(2).none() && (b.known(node.input(2)) == nullptr || b.known(node.input(2))->to_int64s()[0] != 0))
    return false;
  if (!b.shape(node.inputs[0]).empty() || !b.shape(node.outputs[0]).empty()) {
    const int slot = b.any(node.inputs[0]);
    b.bind(node.outputs[0], b.view(slot, b.dtype(node.outputs[0]), b.shape(node.outputs[0]), b.slot(slot).desc));
    return true;
  }
  return emit_view(b, node);
}

bool emit_transpose(Builder& b, const ir::Node& node) {
  const ir::Shape& shape = b.shape(node.outputs[0]);
  ir::Shape reversed;
  for (std::size_t i = shape.size(); i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  const auto order = node.attrs.integers("perm", reversed);
  const int from = b.permuted(node.inputs[0]);
  const ir::Shape strides = own_strides(b.slot(from)), wanted = row_major_strides(shape);
  Copy copy{from, -1, 0, 0, {}, wanted, shape};
  for (std::size_t i = 0; i < shape.size(); ++i) copy.from_strides.push_back(strides[static_cast<std::size_t>(order[i])]);
  const auto last = channels_last(b, node.outputs[0]);
  const bool plain = same_places(shape, copy.from_strides, wanted);
  if (plain || (last && same_places(shape, copy.from_strides, last->get_strides()))) {
    b.bind(node.outputs[0], b.view(from, b.dtype(node.outputs[0]), shape, plain ? Desc{} : *last));
    return true;
  }
  copy.to = b.make(node.outputs[0]);
  add_copy(b, node, std::move(copy));
  return true;
}

bool emit_slice(Builder& b, const ir::Node& node) {
  const ir::Shape &in = b.shape(node.inputs[0]), &out = b.shape(node.outputs[0]);
  const bool attributes = node.inputs.size() == 1;
  const auto read = [&](std::size_t input, const char* attribute, ir::Shape otherwise) -> std::optional<ir::Shape> {
    if (attributes) return node.attrs.integers(attribute, otherwise);
    if (node.input(input).none()) return otherwise;
    const ir::Tensor* known = b.known(node.input(input));
    return known != nullptr ? std::optional(known->to_int64s()) : std::nullopt;
  };
  const auto starts = read(1, "starts", {});
  if (!starts) return false;
  ir::Shape all;
  for (std::size_t i = 0; i < starts->size(); ++i) all.push_back(static_cast<std::int64_t>(i));
  const auto axes = read(3, "axes", all), steps = read(4, "steps", ir::Shape(starts->size(), 1));
  if (!axes || !steps) return false;
  const int from = b.permuted(node.inputs[0]);
  Copy copy{from, -1, 0, 0, own_strides(b.slot(from)), {}, out};
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const auto axis = static_cast<std::size_t>(normal_axis((*axes)[i], in.size()));
    const std::int64_t step = (*steps)[i], size = in[axis], start = (*starts)[i] < 0 ? (*starts)[i] + size : (*starts)[i];
    copy.from_offset += std::clamp<std::int64_t>(start, 0, step > 0 ? size : size - 1) * copy.from_strides[axis];
    copy.from_strides[axis] *= step;
  }
  copy.to = make_alike(b, node.outputs[0], from);
  copy.to_strides = own_strides(b.slot(copy.to));
  add_copy(b, node, std::move(copy));
  return true;
}

bool emit_split(Builder& b, const ir::Node& node) {
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", 0), b.shape(node.inputs[0]).size()));
  const int from = b.permuted(node.inputs[0]);
  std::int64_t offset = 0;
  for (const ir::ValueId output : node.outputs) {
    if (output.none()) return false;
    const ir::Shape& shape = b.shape(output);
    const int to = make_alike(b, output, from);
    const ir::Shape strides = own_strides(b.slot(from));
    if (ir::element_count(shape) != 0)
      add_copy(b, node, {from, to, offset * strides[axis], 0, strides, own_strides(b.slot(to)), shape});
    offset += shape[axis];
  }
  return true;
}

bool emit_concat(Builder& b, const ir::Node& node) {
  const ir::Shape& out = b.shape(node.outputs[0]);
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", 0), out.size()));
  std::vector<int> sources;
  int widest = 0;
  for (const ir::ValueId input : node.inputs) {
    sources.push_back(b.permuted(input));
    if (b.slot(sources.back()).bytes > b.slot(sources[static_cast<std::size_t>(widest)]).bytes)
      widest = static_cast<int>(sources.size()) - 1;
  }
  const int to = make_alike(b, node.outputs[0], sources[static_cast<std::size_t>(widest)]);
  const ir::Shape strides = own_strides(b.slot(to));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const ir::Shape& shape = b.shape(node.inputs[i]);
    add_copy(b, node, {sources[i], to, 0, offset * strides[axis], own_strides(b.slot(sources[i])), strides, shape});
    offset += shape[axis];
  }
  return true;
}

/// The image, then the borders, from the innermost axis to the outermost, as copies of slices that are there already.
bool pad_with_itself(Builder& b, const ir::Node& node, const std::string& mode, const ir::Shape& before) {
  const ir::Shape &in = b.shape(node.inputs[0]), &out = b.shape(node.outputs[0]);
  if (ir::element_count(in) == 0) return false;
  for (std::size_t d = 0; d < in.size(); ++d)
    if (before[d] < 0 || out[d] < in[d] + before[d]) return false;
  const int from = b.permuted(node.inputs[0]), to = make_alike(b, node.outputs[0], from);
  const ir::Shape strides = own_strides(b.slot(to));
  Copy image{from, to, 0, 0, own_strides(b.slot(from)), strides, in};
  for (std::size_t d = 0; d < in.size(); ++d) image.to_offset += before[d] * strides[d];
  std::vector<Copy> copies{image};
  const auto order = memory_order(b.slot(to).desc, in.size());
  ir::Shape done = in;
  std::int64_t start = image.to_offset;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    const std::size_t d = *axis;
    ir::Shape slice = done;
    slice[d] = 1;
    for (std::int64_t i = 0; i < out[d]; ++i) {
      const std::int64_t at = i - before[d];
      if (at >= 0 && at < in[d]) continue;
      const std::int64_t source = ops::padded_from(at, in[d], mode);
      copies.push_back({to, to, start + source * strides[d], start + at * strides[d], strides, strides, slice});
    }
    start -= before[d] * strides[d];
    done[d] = out[d];
  }
  const auto size = static_cast<std::int64_t>(size_of(b.slot(to).dtype));
  b.step(node, "inc:pad:sse2", {from}, {to}, [copies = std::move(copies), size](Frame& f) {
    for (const Copy& c : copies)
      kernels::copy_strided(f.at(c.from) + c.from_offset * size, c.from_strides, f.at(c.to) + c.to_offset * size,
                            c.to_strides, c.dims, static_cast<std::size_t>(size));
  });
  return true;
}

bool emit_pad(Builder& b, const ir::Node& node) {
  const ir::Shape &in = b.shape(node.inputs[0]), out = b.shape(node.outputs[0]);
  ir::Shape pads = node.attrs.integers("pads", node.attrs.integers("paddings"));
  if (node.inputs.size() > 1) {
    if (b.known(node.input(1)) == nullptr) return false;
    pads = b.known(node.input(1))->to_int64s();
  }
  ir::Shape axes;
  for (std::size_t i = 0; i < in.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (!node.input(3).none()) {
    if (b.known(node.input(3)) == nullptr) return false;
    axes = b.known(node.input(3))->to_int64s();
  }
  const std::string mode = node.attrs.text("mode", "constant");
  if (mode != "constant") {
    ir::Shape before(in.size(), 0);
    for (std::size_t i = 0; i < axes.size(); ++i)
      before[static_cast<std::size_t>(normal_axis(axes[i], in.size()))] = pads[i];
    return pad_with_itself(b, node, mode, before);
  }
  const DType type = b.dtype(node.outputs[0]);
  ir::Tensor value(type, {});
  std::fill(value.mutable_raw(), value.mutable_raw() + size_of(type), std::byte{0});
  if (!node.input(2).none()) {
    if (b.known(node.input(2)) == nullptr) return false;
    value = *b.known(node.input(2));
  } else if (type == DType::Float) {
    value = ir::Tensor::scalar(node.attrs.real("value", 0.0f));
  }
  const int from = b.permuted(node.inputs[0]), to = make_alike(b, node.outputs[0], from);
  Copy copy{from, to, 0, 0, own_strides(b.slot(from)), own_strides(b.slot(to)), in};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(normal_axis(axes[i], in.size()));
    const std::int64_t before = pads[i], after = pads[axes.size() + i];
    (before > 0 ? copy.to_offset : copy.from_offset) +=
        std::abs(before) * (before > 0 ? copy.to_strides : copy.from_strides)[axis];
    copy.dims[axis] += std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(after, 0);
    if (copy.dims[axis] <= 0) return false;
  }
  const std::int64_t count = ir::element_count(out);
  const std::size_t size = size_of(type);
  b.step(node, "inc:fill:scalar", {}, {to}, [=](Frame& f) { kernels::fill(f.at(to), count, value.raw(), size); });
  add_copy(b, node, std::move(copy));
  return true;
}

/// Indices known beforehand that step evenly: a strided copy.
bool gather_evenly(Builder& b, const ir::Node& node, std::size_t axis) {
  const ir::Tensor* known = b.known(node.inputs[1]);
  const ir::Shape& in = b.shape(node.inputs[0]);
  if (known == nullptr || known->count() == 0) return false;
  std::vector<std::int64_t> index = known->to_int64s();
  for (std::int64_t& i : index) {
    if (i < -in[axis] || i >= in[axis]) return false;
    if (i < 0) i += in[axis];
  }
  const std::int64_t step = index.size() > 1 ? index[1] - index[0] : 1;
  for (std::size_t i = 1; i < index.size(); ++i)
    if (index[i] - index[i - 1] != step) return false;
  Copy copy{b.plain(node.inputs[0]), -1, 0, 0, {}, {}, in};
  copy.dims[axis] = known->count();
  copy.from_strides = own_strides(b.slot(copy.from));
  copy.from_offset = index[0] * copy.from_strides[axis];
  copy.from_strides[axis] *= step;
  copy.to_strides = row_major_strides(copy.dims);
  copy.to = b.make(node.outputs[0]);
  add_copy(b, node, std::move(copy));
  return true;
}

constexpr std::size_t kLargeTable = std::size_t{1} << 20;

/// Rows of a table, where they are. Of a large one that is stored elsewhere only those that are wanted are ever read.
bool emit_gather(Builder& b, const ir::Node& node) {
  const ir::Shape& in = b.shape(node.inputs[0]);
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", 0), in.size()));
  if (gather_evenly(b, node, axis)) return true;
  const DType index_type = b.dtype(node.inputs[1]);
  if (index_type != DType::Int64 && index_type != DType::Int32) return false;
  std::int64_t outer = 1, block = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= in[i];
  for (std::size_t i = axis + 1; i < in.size(); ++i) block *= in[i];
  const std::int64_t rows = in[axis], count = ir::element_count(b.shape(node.inputs[1]));
  const std::size_t bytes = static_cast<std::size_t>(block) * size_of(b.dtype(node.inputs[0]));
  const ir::Tensor* known = b.known(node.inputs[0]);
  const bool large = outer == 1 && known != nullptr && known->bytes() >= kLargeTable;
  const ir::Tensor table = large ? *known : ir::Tensor();
  const int from = large ? -1 : b.plain(node.inputs[0]);
  const int index = b.plain(node.inputs[1]), to = b.make(node.outputs[0]);
  const int places = b.scratch(DType::Int64, {count});
  const std::string name = node.name;
  const std::vector<int> reads = large ? std::vector{index} : std::vector{from, index};
  b.step(node, "inc:gather:scalar", reads, {to, places}, [=](Frame& f) {
    auto* at = f.as<std::int64_t>(places);
    for (std::int64_t i = 0; i < count; ++i) {
      at[i] = index_type == DType::Int64 ? f.as<std::int64_t>(index)[i] : f.as<std::int32_t>(index)[i];
      if (at[i] < -rows || at[i] >= rows)
        throw DataError("node '" + name + "' of type Gather: index " + std::to_string(at[i]) + " found, expected below " +
                        std::to_string(rows));
      if (at[i] < 0) at[i] += rows;
    }
    if (from >= 0) return kernels::gather_blocks(f.at(from), f.at(to), at, outer, count, rows, bytes);
    for (std::int64_t i = 0; i < count; ++i)
      std::memcpy(f.at(to) + static_cast<std::size_t>(i) * bytes, table.part(static_cast<std::size_t>(at[i]) * bytes, bytes), bytes);
  });
  return true;
}

bool emit_expand(Builder& b, const ir::Node& node) {
  const ir::Shape shape = b.shape(node.outputs[0]);
  const int from = b.plain(node.inputs[0]), to = b.make(node.outputs[0]);
  add_copy(b, node, {from, to, 0, 0, strides_along(b.slot(from), shape), row_major_strides(shape), shape});
  return true;
}

/// Every element repeated factor times along each axis; factors are whole.
bool emit_repeat(Builder& b, const ir::Node& node) {
  const ir::Shape &in = b.shape(node.inputs[0]), &out = b.shape(node.outputs[0]);
  if (node.attrs.text("mode", "nearest") != "nearest" || in.size() != out.size()) return false;
  const bool early = node.op == "Upsample" || b.graph().opset < 11;
  const std::string coordinates = early ? "asymmetric" : node.attrs.text("coordinate_transformation_mode", "half_pixel");
  const bool floors = early || node.attrs.text("nearest_mode", "round_prefer_floor") == "floor";
  if (!(coordinates == "half_pixel" || (coordinates == "asymmetric" && floors))) return false;
  const int from = b.permuted(node.inputs[0]);
  Copy copy{from, -1, 0, 0, {}, {}, {}};
  const ir::Shape source = own_strides(b.slot(from));
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i] == 0 || out[i] % in[i] != 0) return false;
  copy.to = make_alike(b, node.outputs[0], from);
  const ir::Shape target = own_strides(b.slot(copy.to));
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::int64_t factor = out[i] / in[i];
    copy.dims.insert(copy.dims.end(), {in[i], factor});
    copy.from_strides.insert(copy.from_strides.end(), {source[i], 0});
    copy.to_strides.insert(copy.to_strides.end(), {target[i] * factor, target[i]});
  }
  add_copy(b, node, std::move(copy));
  return true;
}

}  // namespace

bool emit_movement(Builder& b, const ir::Node& node) {
  static const std::set<std::string, std::less<>> reshapes = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
  if (reshapes.contains(node.op)) return emit_reshape(b, node);
  if (node.op == "Identity" || node.op == "Dropout") return emit_identity(b, node);
  if (node.op == "Transpose") return emit_transpose(b, node);
  if (node.op == "Slice") return emit_slice(b, node);
  if (node.op == "Split") return emit_split(b, node);
  if (node.op == "Concat") return emit_concat(b, node);
  if (node.op == "Pad") return emit_pad(b, node);
  if (node.op == "Gather") return emit_gather(b, node);
  if (node.op == "Expand") return emit_expand(b, node);
  if (node.op == "Resize" || node.op == "Upsample") return emit_repeat(b, node);
  return false;
}

}  // namespace inc::onednn
