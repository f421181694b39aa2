#include "core/eval/executed.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/base/pack.h"
#include "core/base/stopwatch.h"

namespace inc::eval {
namespace {

/// Drops the rows that only fill up a fixed batch.
void keep_rows(std::vector<ir::Tensor>& tensors, std::int64_t rows, std::int64_t kept) {
  for (auto& tensor : tensors) {
    if (tensor.rank() == 0 || tensor.shape()[0] != rows)
      throw DataError(fmt::format("cannot use a partial batch of {} samples: output {} found, a first axis of {} expected",
                                  kept, tensor.type().to_string(), rows));
    ir::Shape shape = tensor.shape();
    shape[0] = kept;
    tensor = ir::Tensor(tensor.dtype(), shape, tensor.raw(), std::make_shared<ir::Tensor>(tensor));
  }
}

/// Of an input that was not sent.
class Elsewhere : public ir::Stored {
 public:
  void read(std::byte*, std::size_t, std::size_t) const override {
    throw InternalError("the values of an input were asked for, and not sent to all ranks");
  }
};

enum class Sent : std::uint8_t { Nothing, Shape, Values };

void put(Packer& packer, const std::vector<ir::Tensor>& tensors, bool floats = true) {
  packer(tensors.size());
  for (const ir::Tensor& tensor : tensors) {
    const Sent sent = !tensor.defined() ? Sent::Nothing : floats || !is_float(tensor.dtype()) ? Sent::Values : Sent::Shape;
    packer(sent);
    if (sent == Sent::Nothing) continue;
    packer(tensor.dtype(), tensor.shape());
    if (sent == Sent::Values && tensor.bytes() > 0) packer.put_bytes(tensor.raw(), tensor.bytes());
  }
}

void get(Unpacker& unpacker, std::vector<ir::Tensor>& tensors) {
  std::size_t count = 0;
  unpacker(count);
  for (std::size_t i = 0; i < count; ++i) {
    Sent sent = Sent::Nothing;
    unpacker(sent);
    ir::Tensor& tensor = tensors.emplace_back();
    if (sent == Sent::Nothing) continue;
    DType dtype = DType::Float;
    ir::Shape shape;
    unpacker(dtype, shape);
    if (sent == Sent::Shape) {
      tensor = ir::Tensor(dtype, shape, std::make_shared<const Elsewhere>());
      continue;
    }
    tensor = ir::Tensor(dtype, shape);
    if (tensor.bytes() > 0) std::memcpy(tensor.mutable_raw(), unpacker.get_bytes(tensor.bytes()).data(), tensor.bytes());
  }
}

std::string as_bytes(const Executed& executed, bool float_inputs) {
  Packer packer;
  packer(executed.batch.first, executed.batch.count, executed.model_seconds);
  put(packer, executed.batch.inputs, float_inputs);
  for (const auto* tensors : {&executed.batch.labels, &executed.outputs, &executed.reference}) put(packer, *tensors);
  return std::move(packer).take();
}

Executed from_bytes(const std::string& bytes) {
  Executed executed;
  Unpacker unpacker(bytes);
  unpacker(executed.batch.first, executed.batch.count, executed.model_seconds);
  for (auto* tensors : {&executed.batch.inputs, &executed.batch.labels, &executed.outputs, &executed.reference})
    get(unpacker, *tensors);
  return executed;
}

}  // namespace

Executed Batches::execute(std::int64_t first) const {
  Executed out;
  const std::int64_t count = size_of(first);
  out.batch = load_batch(task_.graph, task_.data, first, count);
  std::vector<ir::Tensor>& inputs = out.batch.inputs;
  const Stopwatch watch;
  out.outputs = task_.executable.run(inputs);
  out.model_seconds = watch.seconds();
  const bool known = task_.options.reference && task_.options.reference(first) != nullptr;
  if (task_.fp32 != nullptr && !known) out.reference = task_.fp32->run(inputs);
  const std::int64_t rows = inputs.empty() || inputs[0].rank() == 0 ? count : inputs[0].shape()[0];
  if (rows != count)
    for (auto* tensors : {&out.outputs, &out.reference, &inputs}) keep_rows(*tensors, rows, count);
  return out;
}

Executed Batches::next() {
  const Ranks& ranks = *task_.options.ranks;
  const std::int64_t first = next_, left = (task_.total - first + size_ - 1) / size_;
  next_ += size_of(first);
  if (!ranks.several()) return execute(first);
  if (round_.empty())
    for (Piece& piece : share_out(ranks, std::min<std::int64_t>(left, ranks.size()),
                                  [&](std::int64_t i) { return as_bytes(execute(first + i * size_), task_.float_inputs); }))
      round_.push_back(std::move(piece));
  Piece piece = std::move(round_.front());
  round_.pop_front();
  return from_bytes(std::move(piece).take());
}

}  // namespace inc::eval
