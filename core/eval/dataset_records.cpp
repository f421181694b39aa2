#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/bytes.h"
#include "core/eval/datasets.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> chosen_files(Parameters& parameters, const fs::path& root, std::vector<std::string> fallback) {
  std::vector<fs::path> paths;
  for (const auto& file : parameters.texts("files", std::move(fallback))) paths.push_back(root / file);
  if (paths.empty()) parameters.refuse("files", "an empty list", "at least one file");
  return paths;
}

bool wants_training_part(Parameters& parameters) {
  if (parameters.flag("download", false)) parameters.refuse("download", "true", "false: files are never downloaded");
  return parameters.flag("train", false);
}

class Cifar10 final : public Dataset {
 public:
  explicit Cifar10(const std::vector<fs::path>& files, std::string name) : name_(std::move(name)) {
    for (const auto& path : files) {
      files_.push_back(MappedFile::open(path));
      const auto bytes = files_.back()->bytes().size();
      if (bytes == 0 || bytes % kRecord != 0)
        throw DataError(fmt::format("cannot read CIFAR-10 file '{}': {} bytes found, a multiple of {} expected",
                                    path.string(), bytes, kRecord));
      ends_.push_back(size() + static_cast<std::int64_t>(bytes / kRecord));
    }
  }
  std::int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  std::string describe() const override { return fmt::format("CIFAR10 at {} ({} samples)", name_, size()); }
  Sample get(std::int64_t index) const override {
    const auto file = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    const std::int64_t local = index - (file == 0 ? 0 : ends_[file - 1]);
    const auto* record = reinterpret_cast<const std::uint8_t*>(files_[file]->bytes().data()) + local * kRecord;
    if (record[0] > 9)
      throw DataError(
          fmt::format("cannot read label of sample {} of {}: {} found, 0..9 expected", index, describe(), record[0]));
    ir::Tensor image(DType::UInt8, {32, 32, 3});
    auto* out = image.mutable_data<std::uint8_t>();
    for (int pixel = 0; pixel < 1024; ++pixel)
      for (int c = 0; c < 3; ++c) *out++ = record[1 + c * 1024 + pixel];
    return {{image}, ir::Tensor::scalar<std::int64_t>(record[0])};
  }

 private:
  static constexpr std::int64_t kRecord = 1 + 3 * 32 * 32;
  std::string name_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::vector<std::int64_t> ends_;
};

struct Idx {
  Blob blob;
  std::vector<std::int64_t> dims;
  std::size_t begin = 0;
  const std::uint8_t* values() const { return reinterpret_cast<const std::uint8_t*>(blob.bytes.data()) + begin; }
};

Idx read_idx(const fs::path& path, std::size_t rank) {
  Idx idx{read_maybe_gzip(path), {}, 4 + 4 * rank};
  const auto bytes = idx.blob.bytes;
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
    return value;
  };
  const std::uint32_t magic = 0x800u + static_cast<std::uint32_t>(rank);
  if (bytes.size() < idx.begin || word(0) != magic)
    throw DataError(fmt::format("cannot read IDX file '{}': {} found, magic {:#010x} expected", path.string(),
                                bytes.size() < 4 ? "too few bytes" : fmt::format("{:#010x}", word(0)), magic));
  std::size_t wanted = 1;
  bool fits = true;
  for (std::size_t d = 0; d < rank; ++d) {
    idx.dims.push_back(word(4 + 4 * d));
    fits = fits && !__builtin_mul_overflow(wanted, static_cast<std::size_t>(idx.dims.back()), &wanted);
  }
  fits = fits && !__builtin_add_overflow(wanted, idx.begin, &wanted);
  if (!fits || bytes.size() != wanted)
    throw DataError(fmt::format("cannot read IDX file '{}': {} bytes found, {} expected by its header", path.string(),
                                bytes.size(), fits ? fmt::format("{}", wanted) : "more than fit into memory"));
  return idx;
}

class Mnist final : public Dataset {
 public:
  Mnist(const fs::path& images, const fs::path& labels, std::string name)
      : name_(std::move(name)), images_(read_idx(images, 3)), labels_(read_idx(labels, 1)) {
    if (images_.dims[0] != labels_.dims[0])
      throw DataError(fmt::format("labels of '{}' do not fit: {} found, {} expected, one per image", labels.string(),
                                  labels_.dims[0], images_.dims[0]));
  }
  std::int64_t size() const override { return images_.dims[0]; }
  std::string describe() const override { return fmt::format("MNIST at {} ({} samples)", name_, size()); }
  Sample get(std::int64_t index) const override {
    ir::Tensor image(DType::UInt8, {images_.dims[1], images_.dims[2], 1});
    std::memcpy(image.mutable_raw(), images_.values() + index * image.count(), image.bytes());
    return {{image}, ir::Tensor::scalar<std::int64_t>(labels_.values()[index])};
  }

 private:
  std::string name_;
  Idx images_, labels_;
};

fs::path plain_or_gzip(const fs::path& path) {
  fs::path zipped = path;
  zipped += ".gz";
  return !fs::exists(path) && fs::exists(zipped) ? zipped : path;
}

}  // namespace

std::unique_ptr<const Dataset> make_cifar10(Parameters& parameters, const fs::path& base) {
  const std::string root = parameters.text("root");
  std::vector<std::string> files{"test_batch.bin"};
  if (wants_training_part(parameters)) {
    files.clear();
    for (int i = 1; i <= 5; ++i) files.push_back(fmt::format("data_batch_{}.bin", i));
  }
  return std::make_unique<Cifar10>(chosen_files(parameters, base / root, std::move(files)), root);
}

std::unique_ptr<const Dataset> make_mnist(Parameters& parameters, const fs::path& base) {
  const std::string root = parameters.text("root");
  const std::string part = wants_training_part(parameters) ? "train" : "t10k";
  const auto files = chosen_files(parameters, base / root, {part + "-images-idx3-ubyte", part + "-labels-idx1-ubyte"});
  if (files.size() != 2) parameters.refuse("files", fmt::format("{} files", files.size()), "images and labels");
  return std::make_unique<Mnist>(plain_or_gzip(files[0]), plain_or_gzip(files[1]), root);
}

}  // namespace inc::eval
