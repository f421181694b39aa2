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

/// Records of labels, the last of which counts, and 32 x 32 pixels, plane by plane.
struct CifarForm {
  std::string_view name;
  std::int64_t labels, classes;
  std::int64_t record() const noexcept { return labels + 3 * 32 * 32; }
};
constexpr CifarForm kCifar10{"CIFAR10", 1, 10}, kCifar100{"CIFAR100", 2, 100};

class Cifar final : public Dataset {
 public:
  Cifar(const CifarForm& form, const std::vector<fs::path>& files, std::string root) : form_(form), root_(std::move(root)) {
    const auto record = static_cast<std::size_t>(form.record());
    for (const auto& path : files) {
      files_.push_back(MappedFile::open(path));
      const auto bytes = files_.back()->bytes().size();
      if (bytes == 0 || bytes % record != 0)
        throw DataError(fmt::format("cannot read {} file '{}': {} bytes found, a multiple of {} expected", form.name,
                                    path.string(), bytes, record));
      ends_.push_back(size() + static_cast<std::int64_t>(bytes / record));
    }
  }
  std::int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  std::string describe() const override { return fmt::format("{} at {} ({} samples)", form_.name, root_, size()); }
  Sample get(std::int64_t index) const override {
    const auto file = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    const std::int64_t local = index - (file == 0 ? 0 : ends_[file - 1]);
    const auto* pixels =
        reinterpret_cast<const std::uint8_t*>(files_[file]->bytes().data()) + local * form_.record() + form_.labels;
    const std::int64_t label = pixels[-1];
    if (label >= form_.classes)
      throw DataError(fmt::format("cannot read label of sample {} of {}: {} found, 0..{} expected", index, describe(), label,
                                  form_.classes - 1));
    ir::Tensor image(DType::UInt8, {32, 32, 3});
    auto* out = image.mutable_data<std::uint8_t>();
    for (int pixel = 0; pixel < 1024; ++pixel)
      for (int c = 0; c < 3; ++c) *out++ = pixels[c * 1024 + pixel];
    return {{image}, ir::Tensor::scalar(label)};
  }

 private:
  CifarForm form_;
  std::string root_;
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
  return std::make_unique<Cifar>(kCifar10, chosen_files(parameters, base / root, std::move(files)), root);
}

std::unique_ptr<const Dataset> make_cifar100(Parameters& parameters, const fs::path& base) {
  const std::string root = parameters.text("root");
  const std::string file = wants_training_part(parameters) ? "train.bin" : "test.bin";
  return std::make_unique<Cifar>(kCifar100, chosen_files(parameters, base / root, {file}), root);
}

std::unique_ptr<const Dataset> make_mnist(Parameters& parameters, const fs::path& base) {
  const std::string root = parameters.text("root");
  const std::string part = wants_training_part(parameters) ? "train" : "t10k";
  const auto files = chosen_files(parameters, base / root, {part + "-images-idx3-ubyte", part + "-labels-idx1-ubyte"});
  if (files.size() != 2) parameters.refuse("files", fmt::format("{} files", files.size()), "images and labels");
  return std::make_unique<Mnist>(plain_or_gzip(files[0]), plain_or_gzip(files[1]), root);
}

}  // namespace inc::eval
