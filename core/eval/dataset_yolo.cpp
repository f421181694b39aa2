#include <fmt/format.h>

#include <array>
#include <charconv>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/datasets.h"
#include "core/eval/image.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;

/// Boxes as shares of the picture's size.
struct Item {
  fs::path path;
  std::vector<TrueBox> boxes;
};

class YoloDetection final : public Dataset {
 public:
  YoloDetection(std::string name, std::vector<Item> items) : name_(std::move(name)), items_(std::move(items)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  bool decodes() const override { return true; }
  std::string describe() const override { return fmt::format("YOLODetection at {} ({} samples)", name_, size()); }
  Sample get(std::int64_t index) const override {
    const Item& item = items_.at(static_cast<std::size_t>(index));
    ir::Tensor image = read_image(item.path);
    Truth truth{index, {}, item.boxes};
    truth.place.height = image.shape()[0];
    truth.place.width = image.shape()[1];
    const auto height = static_cast<double>(truth.place.height), width = static_cast<double>(truth.place.width);
    for (TrueBox& known : truth.boxes) {
      known.box = {known.box.left * width, known.box.top * height, known.box.right * width, known.box.bottom * height};
      known.area = known.box.area();
    }
    return {{std::move(image)}, to_tensor(truth)};
  }

 private:
  std::string name_;
  std::vector<Item> items_;
};

/// "class cx cy w h", and what else the line may have.
TrueBox parse_line(std::string_view line, const std::string& place) {
  std::array<double, 5> values{};
  const char *at = line.data(), *const end = at + line.size();
  for (double& value : values) {
    while (at != end && (*at == ' ' || *at == '\t')) ++at;
    const auto parsed = std::from_chars(at, end, value);
    const bool whole = parsed.ptr == end || *parsed.ptr == ' ' || *parsed.ptr == '\t' || *parsed.ptr == '\r';
    if (parsed.ec != std::errc{} || !whole)
      throw DataError(fmt::format("{}: '{}' found, a class and four numbers (centre x, centre y, width, height) expected",
                                  place, line.substr(0, 80)));
    at = parsed.ptr;
  }
  const auto [label, x, y, width, height] = values;
  if (!(label >= 0 && label < 1e6) || label != static_cast<double>(static_cast<std::int64_t>(label)))
    throw DataError(fmt::format("{}: class {:g} found, a whole number from 0 expected", place, label));
  const Box box{x - width / 2, y - height / 2, x + width / 2, y + height / 2};
  require_box(place, box, 1, 1);
  return {box, static_cast<std::int64_t>(label), 0, false};
}

std::vector<TrueBox> read_labels(const fs::path& path) {
  std::vector<TrueBox> boxes;
  for_each_line(path, [&](auto line, const std::string& place) { boxes.push_back(parse_line(line, place)); });
  return boxes;
}

}  // namespace

std::unique_ptr<const Dataset> make_yolo_detection(Parameters& parameters, const fs::path& base) {
  const std::string images = parameters.text("images");
  const fs::path folder = base / images, labels = base / parameters.text("labels");
  std::vector<Item> items;
  std::size_t labelled = 0;
  for (const fs::path& image : image_files(folder)) {
    const fs::path file = (labels / image.stem()).string() + ".txt";
    const bool there = fs::is_regular_file(file);
    labelled += there ? 1 : 0;
    items.push_back({image, there ? read_labels(file) : std::vector<TrueBox>{}});
  }
  if (items.empty())
    throw DataError(
        fmt::format("cannot use folder '{}': no .jpg, .jpeg or .png files found, at least one expected", folder.string()));
  if (labelled == 0)
    throw DataError(
        fmt::format("cannot use labels '{}': no .txt file for any of {} images found, NAME.txt for NAME.jpg "
                    "expected (none for an image without objects)",
                    labels.string(), items.size()));
  return std::make_unique<YoloDetection>(images, std::move(items));
}

}  // namespace inc::eval
