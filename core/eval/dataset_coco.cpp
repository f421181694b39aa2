#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/datasets.h"
#include "core/eval/image.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Item {
  fs::path path;
  std::int64_t width = 0, height = 0;
  std::vector<TrueBox> boxes;
};

class CocoRaw final : public Dataset {
 public:
  CocoRaw(std::string name, std::vector<Item> items) : name_(std::move(name)), items_(std::move(items)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  bool decodes() const override { return true; }
  std::string describe() const override { return fmt::format("COCORaw at {} ({} samples)", name_, size()); }
  Sample get(std::int64_t index) const override {
    const Item& item = items_.at(static_cast<std::size_t>(index));
    ir::Tensor image = read_image(item.path);
    if (image.shape()[0] != item.height || image.shape()[1] != item.width)
      throw DataError(fmt::format("image '{}' is not the one of the annotations: {} x {} found, {} x {} expected",
                                  item.path.string(), image.shape()[1], image.shape()[0], item.width, item.height));
    Truth truth{index, {}, item.boxes};
    truth.place.width = item.width;
    truth.place.height = item.height;
    return {{std::move(image)}, to_tensor(truth)};
  }

 private:
  std::string name_;
  std::vector<Item> items_;
};

/// Reads one list of the file, entry by entry, with messages that name the entry.
class Reader {
 public:
  Reader(const Json& file, const fs::path& path) : file_(file), path_(path) {}

  template <class Act>
  void each(const char* list, const Act& act) {
    const auto found = file_.find(list);
    if (found == file_.end() || !found->is_array())
      throw DataError(fmt::format("cannot use annotations '{}': no list '{}' found, one expected", path_.string(), list));
    list_ = list;
    index_ = 0;
    for (const Json& entry : *found) {
      if (!entry.is_object()) refuse(entry.type_name(), "a map");
      act(entry);
      ++index_;
    }
  }
  std::int64_t integer(const Json& entry, const char* name) const {
    const Json& value = member(entry, name);
    if (!value.is_number_integer()) refuse(fmt::format("{} {}", name, shown(value)), "an integer");
    return value.get<std::int64_t>();
  }
  double number(const Json& value, const char* name) const {
    if (!value.is_number()) refuse(fmt::format("{} {}", name, shown(value)), "a number");
    return value.get<double>();
  }
  std::string text(const Json& entry, const char* name) const {
    const Json& value = member(entry, name);
    if (!value.is_string()) refuse(fmt::format("{} {}", name, shown(value)), "a text");
    return value.get<std::string>();
  }
  const Json& member(const Json& entry, const char* name) const {
    const auto found = entry.find(name);
    if (found == entry.end()) refuse(fmt::format("no '{}'", name), "one");
    return *found;
  }
  std::string place() const { return fmt::format("{}: {}[{}]", path_.string(), list_, index_); }
  [[noreturn]] void refuse(const std::string& found, const std::string& expected) const {
    throw DataError(fmt::format("{}: {} found, {} expected", place(), found, expected));
  }

 private:
  static std::string shown(const Json& value) {
    return value.is_structured() ? fmt::format("of {} values", value.size())
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40);
  }
  const Json& file_;
  const fs::path& path_;
  std::string list_;
  std::size_t index_ = 0;
};

/// Without the outlines, which are most of a file.
Json parse(const fs::path& path) {
  const std::string content = read_file(path);
  const auto wanted = [](int, Json::parse_event_t event, Json& parsed) {
    return event != Json::parse_event_t::key || parsed != "segmentation";
  };
  try {
    return Json::parse(content, wanted);
  } catch (const Json::exception& error) {
    throw DataError(
        fmt::format("cannot read annotations '{}': {} found, COCO's JSON expected", path.string(), error.what()));
  }
}

std::map<std::int64_t, Item> read_images(Reader& reader, const fs::path& folder) {
  std::map<std::int64_t, Item> images;
  reader.each("images", [&](const Json& entry) {
    Item item{folder / reader.text(entry, "file_name"), reader.integer(entry, "width"), reader.integer(entry, "height"), {}};
    if (item.width < 1 || item.height < 1 || item.width > 65535 || item.height > 65535)
      reader.refuse(fmt::format("a size of {} x {}", item.width, item.height), "1..65535");
    if (!fs::is_regular_file(item.path)) reader.refuse(fmt::format("no file '{}'", item.path.string()), "an image");
    const std::int64_t id = reader.integer(entry, "id");
    if (!images.emplace(id, std::move(item)).second) reader.refuse(fmt::format("id {} twice", id), "each once");
  });
  return images;
}

/// From the category's id to the label.
std::map<std::int64_t, std::int64_t> read_labels(Reader& reader, bool by_order) {
  std::map<std::int64_t, std::int64_t> labels;
  reader.each("categories", [&](const Json& entry) {
    const std::int64_t id = reader.integer(entry, "id");
    if (id < 0 || id > 1000000) reader.refuse(fmt::format("id {}", id), "0..1000000");
    if (!labels.emplace(id, id).second) reader.refuse(fmt::format("id {} twice", id), "each once");
  });
  std::int64_t next = 0;
  if (by_order)
    for (auto& [id, label] : labels) label = next++;
  return labels;
}

TrueBox read_box(const Reader& reader, const Json& entry, const Item& image) {
  const Json& box = reader.member(entry, "bbox");
  if (!box.is_array() || box.size() != 4) reader.refuse("bbox in another form", "a list of x, y, width and height");
  std::array<double, 4> v{};
  for (std::size_t i = 0; i < 4; ++i) v[i] = reader.number(box[i], "bbox");
  TrueBox known{{v[0], v[1], v[0] + v[2], v[1] + v[3]}, 0, v[2] * v[3], false};
  require_box(reader.place(), known.box, static_cast<double>(image.width), static_cast<double>(image.height));
  if (entry.contains("area")) known.area = reader.number(entry["area"], "area");
  if (entry.contains("iscrowd")) known.crowd = reader.number(entry["iscrowd"], "iscrowd") != 0;
  return known;
}

}  // namespace

std::unique_ptr<const Dataset> make_coco_raw(Parameters& parameters, const fs::path& base) {
  static constexpr std::array<std::string_view, 2> kNumbers{"id", "order"};
  const std::string root = parameters.text("root");
  const fs::path folder = base / root / parameters.text("img_dir", "val2017");
  const fs::path path = base / root / parameters.text("anno_dir", "annotations/instances_val2017.json");
  const bool by_order = parameters.choice("labels", kNumbers, "id") == "order";
  parameters.integer("num_cores", 1);
  const Json file = parse(path);
  Reader reader(file, path);
  auto images = read_images(reader, folder);
  const auto labels = read_labels(reader, by_order);
  reader.each("annotations", [&](const Json& entry) {
    const std::int64_t image = reader.integer(entry, "image_id"), category = reader.integer(entry, "category_id");
    const auto owner = images.find(image);
    if (owner == images.end()) reader.refuse(fmt::format("image_id {}", image), "the id of one of 'images'");
    const auto label = labels.find(category);
    if (label == labels.end()) reader.refuse(fmt::format("category_id {}", category), "the id of one of 'categories'");
    TrueBox known = read_box(reader, entry, owner->second);
    known.label = label->second;
    owner->second.boxes.push_back(known);
  });
  if (images.empty())
    throw DataError(fmt::format("cannot use annotations '{}': no images found, at least one expected", path.string()));
  std::vector<Item> items;
  for (auto& [id, item] : images) items.push_back(std::move(item));
  return std::make_unique<CocoRaw>(root, std::move(items));
}

}  // namespace inc::eval
