#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/datasets.h"
#include "core/eval/image.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;

struct Item {
  fs::path path;
  std::int64_t label = 0;
};

class Images final : public Dataset {
 public:
  Images(std::string name, std::vector<Item> items, bool labelled)
      : name_(std::move(name)), items_(std::move(items)), labelled_(labelled) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  bool labelled() const override { return labelled_; }
  bool decodes() const override { return true; }
  std::string describe() const override { return fmt::format("{} ({} samples)", name_, size()); }
  Sample get(std::int64_t index) const override {
    const Item& item = items_.at(static_cast<std::size_t>(index));
    Sample sample{{read_image(item.path)}, {}};
    if (labelled_) sample.label = ir::Tensor::scalar(item.label);
    return sample;
  }

 private:
  std::string name_;
  std::vector<Item> items_;
  bool labelled_;
};

Item parse_line(std::string_view line, const std::string& place, const fs::path& folder) {
  const auto last = line.find_last_not_of(" \t\r");
  line = line.substr(0, last + 1);
  const auto gap = line.find_last_of(" \t");
  Item item;
  bool good = gap != std::string_view::npos;
  if (good) {
    const auto number = line.substr(gap + 1);
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), item.label);
    good = parsed.ec == std::errc{} && parsed.ptr == number.data() + number.size() && item.label >= 0;
  }
  if (!good) throw DataError(fmt::format("{}: '{}' found, an image file and its label expected", place, line));
  const auto name = line.substr(0, line.find_last_not_of(" \t", gap) + 1);
  item.path = folder / name;
  if (!fs::is_regular_file(item.path))
    throw DataError(fmt::format("{}: no file '{}' found, an image expected", place, item.path.string()));
  return item;
}

std::vector<Item> read_list(const fs::path& list, const fs::path& folder) {
  std::vector<Item> items;
  for_each_line(list, [&](auto line, const std::string& place) { items.push_back(parse_line(line, place, folder)); });
  return items;
}

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

struct Listing {
  std::vector<fs::path> folders, images;
};

Listing list_folder(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) throw DataError(fmt::format("cannot list '{}': {}", folder.string(), error.message()));
  Listing listing;
  for (const auto& entry : entries) {
    if (entry.is_directory())
      listing.folders.push_back(entry.path());
    else if (is_image(entry.path()))
      listing.images.push_back(entry.path());
  }
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.images.begin(), listing.images.end());
  return listing;
}

}  // namespace

void for_each_line(const fs::path& file, const std::function<void(std::string_view, const std::string&)>& take) {
  const std::string text = read_file(file);
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    take(line, fmt::format("{}:{}", file.string(), number + 1));
  }
}

std::vector<fs::path> image_files(const fs::path& folder) {
  return list_folder(folder).images;
}

std::unique_ptr<const Dataset> make_imagenet_raw(Parameters& parameters, const fs::path& base) {
  const std::string data_path = parameters.text("data_path");
  const fs::path folder = base / data_path;
  const fs::path list = parameters.has("image_list") ? base / parameters.text("image_list") : folder / "val.txt";
  auto items = read_list(list, folder);
  if (items.empty())
    throw DataError(fmt::format("cannot use image list '{}': no lines found, at least one expected", list.string()));
  return std::make_unique<Images>("ImagenetRaw at " + data_path, std::move(items), true);
}

std::unique_ptr<const Dataset> make_image_folder(Parameters& parameters, const fs::path& base) {
  const std::string root = parameters.text("root");
  const Listing top = list_folder(base / root);
  std::vector<Item> items;
  for (const auto& image : top.images) items.push_back({image});
  const bool labelled = !top.folders.empty();
  if (labelled && !items.empty())
    throw DataError(fmt::format("cannot use folder '{}': {} images beside {} class folders found, one or the other expected",
                                (base / root).string(), items.size(), top.folders.size()));
  for (std::size_t label = 0; label < top.folders.size(); ++label)
    for (const auto& image : list_folder(top.folders[label]).images)
      items.push_back({image, static_cast<std::int64_t>(label)});
  if (items.empty())
    throw DataError(fmt::format("cannot use folder '{}': no .jpg, .jpeg or .png files found, at least one expected",
                                (base / root).string()));
  return std::make_unique<Images>("ImageFolder at " + root, std::move(items), labelled);
}

}  // namespace inc::eval
