#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/eval/dataset.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

std::optional<std::int64_t> fixed_batch(const ir::Graph& graph) {
  for (const auto id : graph.inputs()) {
    const auto& dims = graph.value(id).type.dims;
    if (dims && !dims->empty() && dims->front().known() && dims->front().value > 0) return dims->front().value;
  }
  return std::nullopt;
}

std::vector<Sample> get_all(const Dataset& data, std::int64_t first, std::int64_t count) {
  std::vector<Sample> samples(static_cast<std::size_t>(count));
  std::vector<std::exception_ptr> faults(samples.size());
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      try {
        samples[static_cast<std::size_t>(i)] = data.get(first + i);
      } catch (...) {
        faults[static_cast<std::size_t>(i)] = std::current_exception();
      }
    }
  });
  for (std::size_t i = 0; i < faults.size(); ++i)
    if (faults[i])
      with_context(
          [&] {
            return fmt::format("while reading sample {} of {}", data.number(first + static_cast<std::int64_t>(i)),
                               data.describe());
          },
          [&] { std::rethrow_exception(faults[i]); });
  return samples;
}

/// For each graph input, the position of its tensor in a sample.
std::vector<std::size_t> input_order(const ir::Graph& graph, const Dataset& data, std::size_t given) {
  const auto names = data.input_names();
  if (given != graph.inputs().size())
    throw DataError(fmt::format("inputs of {} do not fit the model: {} found, {} expected", data.describe(), given,
                                graph.inputs().size()));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < given; ++i) {
    const std::string& wanted = graph.value(graph.inputs()[i]).name;
    const auto at = std::find(names.begin(), names.end(), wanted);
    if (!names.empty() && at == names.end())
      throw DataError(fmt::format("inputs of {} do not fit the model: {} found, '{}' expected among them", data.describe(),
                                  fmt::join(names, ", "), wanted));
    order.push_back(names.empty() ? i : static_cast<std::size_t>(at - names.begin()));
  }
  return order;
}

template <class T>
bool holds(std::int64_t value) {
  if constexpr (std::is_same_v<T, std::uint64_t>)
    return value >= 0;
  else
    return value >= static_cast<std::int64_t>(std::numeric_limits<T>::min()) &&
           value <= static_cast<std::int64_t>(std::numeric_limits<T>::max());
}

void require_range(const ir::Tensor& tensor, DType wanted, const std::string& what) {
  visit_dtype(wanted, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      for (const std::int64_t value : tensor.to_int64s())
        if (!holds<T>(value))
          throw DataError(
              fmt::format("{} does not fit: value {} found, the range of {} expected", what, value, name_of(wanted)));
    }
  });
}

ir::Tensor with_dtype(const ir::Tensor& tensor, DType wanted, const std::string& what) {
  if (tensor.dtype() == wanted) return tensor;
  const bool integers = is_integer(tensor.dtype()) && is_integer(wanted),
             floats = is_float(tensor.dtype()) && is_float(wanted);
  if (!integers && !floats)
    throw DataError(fmt::format("{} has the wrong element type: {} found, {} expected (add a Cast transform)", what,
                                name_of(tensor.dtype()), name_of(wanted)));
  if (integers) require_range(tensor, wanted, what);
  return cast_to(tensor, wanted);
}

/// The shape without its batch axis; throws unless it agrees with the graph's input.
ir::Shape item_shape(const ir::Tensor& tensor, const ir::TensorType& type, const std::string& what) {
  ir::Shape shape = tensor.shape();
  const auto wrong = [&](const std::string& found) {
    throw DataError(fmt::format("{} has the wrong shape: {} found, a sample of {} expected", what, found, type.to_string()));
  };
  if (!type.dims) return shape;
  const auto rank = static_cast<std::size_t>(type.rank());
  if (shape.size() == rank && rank > 0 && shape[0] == 1) shape.erase(shape.begin());
  if (shape.size() + 1 != rank) wrong(fmt::format("[{}]", fmt::join(tensor.shape(), ",")));
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const auto& dim = (*type.dims)[d + 1];
    if (dim.known() && dim.value != shape[d]) wrong(fmt::format("[{}]", fmt::join(tensor.shape(), ",")));
  }
  return shape;
}

ir::Tensor stack(const std::vector<Sample>& samples, std::size_t position, const ir::Value& input, const Batch& batch,
                 std::int64_t rows, const Dataset& data) {
  ir::Tensor out;
  ir::Shape shape;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t local = std::min(i, batch.count - 1);
    const auto what = [&] {
      return fmt::format("sample {} of {} for input '{}'", data.number(batch.first + local), data.describe(), input.name);
    };
    const ir::Tensor& raw = samples[static_cast<std::size_t>(local)].inputs[position];
    const ir::Tensor tensor = raw.dtype() == input.type.dtype ? raw : with_dtype(raw, input.type.dtype, what());
    const ir::Shape own = item_shape(tensor, input.type, what());
    if (i == 0) {
      shape = own;
      ir::Shape whole{rows};
      whole.insert(whole.end(), shape.begin(), shape.end());
      out = ir::Tensor(input.type.dtype, whole);
    } else if (own != shape) {
      throw DataError(fmt::format("{} has the wrong shape: [{}] found, [{}] expected as in sample {}", what(),
                                  fmt::join(own, ","), fmt::join(shape, ","), data.number(batch.first)));
    }
    if (tensor.bytes() > 0)
      std::memcpy(out.mutable_raw() + static_cast<std::size_t>(i) * tensor.bytes(), tensor.raw(), tensor.bytes());
  }
  return out;
}

}  // namespace

std::int64_t usable_batch_size(const ir::Graph& graph, std::int64_t wanted) {
  return fixed_batch(graph).value_or(std::max<std::int64_t>(1, wanted));
}

Batch load_batch(const ir::Graph& graph, const Dataset& data, std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 1 || count > data.size() - first)
    throw DataError(fmt::format("cannot read samples {} to {} of {}: {} samples found", first, first + count - 1,
                                data.describe(), data.size()));
  const std::int64_t rows = fixed_batch(graph).value_or(count);
  if (count > rows)
    throw DataError(
        fmt::format("cannot load a batch for model '{}': {} samples found, {} expected", graph.name, count, rows));
  const auto samples = get_all(data, first, count);
  Batch batch;
  batch.first = first;
  batch.count = count;
  const auto order = input_order(graph, data, samples.front().inputs.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    batch.inputs.push_back(stack(samples, order[i], graph.value(graph.inputs()[i]), batch, rows, data));
  for (const auto& sample : samples)
    if (sample.label.defined()) batch.labels.push_back(sample.label);
  return batch;
}

}  // namespace inc::eval
