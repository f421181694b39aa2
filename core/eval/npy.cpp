#include "core/eval/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/eval/bytes.h"

namespace inc::eval {
namespace {

struct TypeRow {
  std::string_view descr;
  DType dtype;
};
constexpr TypeRow kTypes[] = {{"<f4", DType::Float},  {"<f8", DType::Double}, {"<f2", DType::Float16}, {"|i1", DType::Int8},
                              {"|u1", DType::UInt8},  {"<i2", DType::Int16},  {"<u2", DType::UInt16},  {"<i4", DType::Int32},
                              {"<u4", DType::UInt32}, {"<i8", DType::Int64},  {"<u8", DType::UInt64},  {"|b1", DType::Bool}};

class Header {
 public:
  Header(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  DType dtype() const {
    std::string_view value = after("descr");
    const std::string_view descr = value.size() > 1 && value[0] == '\'' ? value.substr(1, value.find('\'', 1) - 1) : value;
    for (const auto& row : kTypes)
      if (row.descr == descr) return row.dtype;
    fail("element type", std::string(descr.substr(0, 20)), "little-endian numbers");
  }
  void require_c_order() const {
    if (after("fortran_order").substr(0, 5) != "False") fail("order", "fortran_order True", "C order");
  }
  ir::Shape shape() const {
    std::string_view value = after("shape");
    const auto close = value.find(')');
    if (value.empty() || value[0] != '(' || close == std::string_view::npos) fail("shape", "no tuple", "(d0, d1, …)");
    ir::Shape shape;
    std::int64_t elements = 1;
    for (const char *at = value.data() + 1, *end = value.data() + close; at < end;) {
      if (*at == ' ' || *at == ',' || *at == 'L') {
        ++at;
        continue;
      }
      std::int64_t dimension = 0;
      const auto parsed = std::from_chars(at, end, dimension);
      if (parsed.ec != std::errc{} || dimension < 0 ||
          __builtin_mul_overflow(elements, std::max<std::int64_t>(dimension, 1), &elements))
        fail("shape", std::string(value.substr(0, close + 1)), "non-negative dimensions that fit into memory");
      at = parsed.ptr;
      shape.push_back(dimension);
    }
    return shape;
  }
  [[noreturn]] void fail(std::string_view what, const std::string& found, std::string_view expected) const {
    throw DataError(fmt::format("cannot read {} of array '{}': {} found, {} expected", what, name_, found, expected));
  }

 private:
  std::string_view after(std::string_view key) const {
    auto at = text_.find(fmt::format("'{}'", key));
    if (at == std::string_view::npos || (at = text_.find(':', at)) == std::string_view::npos)
      fail("header", fmt::format("no '{}'", key), "one");
    at = text_.find_first_not_of(' ', at + 1);
    return at == std::string_view::npos ? std::string_view{} : text_.substr(at);
  }
  std::string_view text_;
  std::string name_;
};

ir::Tensor parse(const Blob& blob, const std::string& name) {
  const auto bytes = blob.bytes;
  const auto* chars = reinterpret_cast<const char*>(bytes.data());
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(std::to_integer<unsigned>(bytes[i])); };
  if (bytes.size() < 12 || std::memcmp(chars, "\x93NUMPY", 6) != 0)
    throw DataError(fmt::format("cannot read array '{}': no NumPy magic found, an .npy file expected", name));
  const bool wide = at(6) >= 2;
  const std::size_t begin = wide ? 12 : 10;
  const std::size_t length = wide ? at(8) | at(9) << 8 | at(10) << 16 | at(11) << 24 : at(8) | at(9) << 8;
  if (length > bytes.size() - begin)
    throw DataError(
        fmt::format("cannot read array '{}': {} bytes found, a header of {} expected", name, bytes.size(), length));
  const Header header({chars + begin, length}, name);
  const DType dtype = header.dtype();
  header.require_c_order();
  ir::Shape shape = header.shape();
  const auto payload = bytes.subspan(begin + length);
  const std::size_t elements = static_cast<std::size_t>(ir::element_count(shape));
  if (payload.size() % size_of(dtype) != 0 || payload.size() / size_of(dtype) != elements)
    header.fail("data", fmt::format("{} bytes", payload.size()),
                fmt::format("{} elements of {} bytes", elements, size_of(dtype)));
  if (reinterpret_cast<std::uintptr_t>(payload.data()) % size_of(dtype) == 0)
    return ir::Tensor(dtype, std::move(shape), payload.data(), blob.keeper);
  ir::Tensor copy(dtype, std::move(shape));
  if (!payload.empty()) std::memcpy(copy.mutable_raw(), payload.data(), payload.size());
  return copy;
}

const ZipMember& choose(const std::vector<ZipMember>& members, const std::string& wanted, bool required,
                        const std::filesystem::path& path) {
  for (const auto& member : members)
    if (member.name == wanted || member.name == wanted + ".npy") return member;
  if (members.size() == 1 && !required) return members.front();
  std::vector<std::string> names;
  for (const auto& member : members) names.push_back(member.name);
  throw DataError(fmt::format("cannot find array '{}' in '{}': {} found", wanted, path.string(),
                              names.empty() ? "nothing" : joined(names)));
}

}  // namespace

ir::Tensor read_array(const std::filesystem::path& path, const std::string& member) {
  std::filesystem::path file = path;
  std::string wanted = member;
  bool required = false;
  const std::string text = path.string();
  if (const auto at = text.rfind(".npz:"); at != std::string::npos) {
    file = text.substr(0, at + 4);
    wanted = text.substr(at + 5);
    required = true;
  }
  const auto mapped = MappedFile::open(file);
  const Blob blob{mapped->bytes(), mapped};
  const bool zipped = blob.bytes.size() >= 2 && std::memcmp(blob.bytes.data(), "PK", 2) == 0;
  if (!zipped) return parse(blob, file.string());
  const auto members = zip_members(blob, file);
  const ZipMember& chosen = choose(members, wanted, required, file);
  return parse(zip_read(blob, chosen, file), file.string() + ":" + chosen.name);
}

}  // namespace inc::eval
