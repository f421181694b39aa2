#include "tests/node_tests/archive.h"

#include <cstring>

#include "core/base/file.h"

namespace inc::node_tests {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view blob() { return take(number<std::uint64_t>()); }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) throw DataError("the archive of node tests is truncated");
    const auto head = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return head;
  }

 private:
  std::string_view bytes_;
};

ir::Tensor read_tensor(Reader& in) {
  const auto dtype = dtype_from_name(in.blob());
  if (!dtype) throw DataError("the archive of node tests has an unknown element type");
  ir::Shape shape(in.number<std::uint32_t>());
  for (auto& dim : shape) dim = in.number<std::int64_t>();
  ir::Tensor tensor(*dtype, shape);
  const auto data = in.blob();
  if (data.size() != tensor.bytes()) throw DataError("the archive of node tests has a tensor of the wrong size");
  if (!data.empty()) std::memcpy(tensor.mutable_raw(), data.data(), data.size());
  return tensor;
}

std::vector<Value> read_values(Reader& in) {
  std::vector<Value> values(in.number<std::uint32_t>());
  for (auto& value : values) {
    const auto kind = in.number<std::uint8_t>();
    if (kind == 1) value.tensor = read_tensor(in);
    if (kind == 2) value.not_ours = in.blob();
  }
  return values;
}

}  // namespace

std::vector<Case> read_archive(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  Reader in(bytes);
  if (in.take(8) != "INCNODE1") throw DataError("not an archive of node tests: '" + path.string() + "'");
  std::vector<Case> cases(in.number<std::uint32_t>());
  for (auto& item : cases) {
    item.name = in.blob();
    item.rtol = in.number<double>();
    item.atol = in.number<double>();
    item.model = in.blob();
    item.sets.resize(in.number<std::uint32_t>());
    for (auto& set : item.sets) {
      set.inputs = read_values(in);
      set.outputs = read_values(in);
    }
  }
  return cases;
}

}  // namespace inc::node_tests
