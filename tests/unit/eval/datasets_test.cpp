#include "core/eval/datasets.h"

#include <gmock/gmock.h>
#include <png.h>
#include <zlib.h>

#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/eval/factory.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string cifar_record(int label, int base) {
  std::string record(1, static_cast<char>(label));
  for (int c = 0; c < 3; ++c) record += std::string(1024, static_cast<char>(base + c));
  return record;
}

std::int64_t label_of(const Dataset& data, std::int64_t index) {
  return data.get(index).label.to_int64s().at(0);
}

TEST(Cifar10, TurnsPlanesIntoPixelsAndJoinsFiles) {
  const Scratch scratch;
  scratch.write("c/a.bin", cifar_record(3, 10) + cifar_record(9, 20));
  scratch.write("c/b.bin", cifar_record(0, 30));
  const auto data =
      make_dataset(loader(named("CIFAR10", {{"root", text("c")}, {"files", texts({"a.bin", "b.bin"})}})), scratch.path());
  ASSERT_EQ(data->size(), 3);
  EXPECT_THAT(data->get(1).inputs[0].shape(), ElementsAre(32, 32, 3));
  EXPECT_THAT(list<std::uint8_t>(data->get(1).inputs[0]), ::testing::Contains(22));
  EXPECT_EQ(list<std::uint8_t>(data->get(2).inputs[0])[1], 31);
  EXPECT_EQ(label_of(*data, 0), 3);
  EXPECT_EQ(label_of(*data, 2), 0);
}

TEST(Cifar10, DefaultsToTheTestBatchAndChecksSizes) {
  const Scratch scratch;
  scratch.write("test_batch.bin", cifar_record(1, 0));
  EXPECT_EQ(make_dataset(loader(named("CIFAR10", {{"root", text(".")}})), scratch.path())->size(), 1);
  scratch.write("test_batch.bin", cifar_record(1, 0) + "x");
  EXPECT_THAT(message_of<DataError>([&] {
                make_dataset(loader(named("CIFAR10", {{"root", text(".")}})), scratch.path());
              }),
              HasSubstr("3074 bytes found, a multiple of 3073 expected"));
  scratch.write("test_batch.bin", cifar_record(10, 0));
  const auto data = make_dataset(loader(named("CIFAR10", {{"root", text(".")}})), scratch.path());
  EXPECT_THAT(message_of<DataError>([&] { data->get(0); }), HasSubstr("10 found, 0..9 expected"));
}

TEST(Cifar100, TakesTheFineLabel) {
  const Scratch scratch;
  scratch.write("test.bin", std::string(1, '\x05') + cifar_record(99, 10) + std::string(1, '\x05') + cifar_record(100, 20));
  const auto data = make_dataset(loader(named("CIFAR100", {{"root", text(".")}})), scratch.path());
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(label_of(*data, 0), 99);
  EXPECT_EQ(list<std::uint8_t>(data->get(0).inputs[0])[1], 11);
  EXPECT_THAT(message_of<DataError>([&] { data->get(1); }), HasSubstr("100 found, 0..99 expected"));
}

TEST(Cifar10, MissingFileIsADataError) {
  const Scratch scratch;
  EXPECT_THROW(make_dataset(loader(named("CIFAR10", {{"root", text("none")}})), scratch.path()), DataError);
}

std::string idx(int rank, std::initializer_list<int> dims, const std::string& payload) {
  std::string file("\x00\x00\x08", 3);
  file += static_cast<char>(rank);
  for (const int d : dims) file += std::string("\x00\x00", 2) + static_cast<char>(d >> 8) + static_cast<char>(d & 0xff);
  return file + payload;
}

TEST(Mnist, ReadsPlainAndGzippedFiles) {
  const Scratch scratch;
  const std::string images = idx(3, {2, 2, 2}, "abcdefgh");
  gzFile zipped = gzopen((scratch.path() / "t10k-images-idx3-ubyte.gz").c_str(), "wb");
  gzwrite(zipped, images.data(), static_cast<unsigned>(images.size()));
  gzclose(zipped);
  scratch.write("t10k-labels-idx1-ubyte", idx(1, {2}, std::string("\x04\x07")));
  const auto data = make_dataset(loader(named("MNIST", {{"root", text(".")}})), scratch.path());
  ASSERT_EQ(data->size(), 2);
  EXPECT_THAT(data->get(1).inputs[0].shape(), ElementsAre(2, 2, 1));
  EXPECT_THAT(list<std::uint8_t>(data->get(1).inputs[0]), ElementsAre('e', 'f', 'g', 'h'));
  EXPECT_EQ(label_of(*data, 1), 7);
}

TEST(Mnist, RefusesFilesThatDoNotFit) {
  const Scratch scratch;
  const auto make = [&] {
    make_dataset(loader(named("MNIST", {{"root", text(".")}, {"files", texts({"i", "l"})}})), scratch.path());
  };
  scratch.write("i", idx(3, {2, 2, 2}, "abcdefgh"));
  scratch.write("l", idx(1, {3}, "abc"));
  EXPECT_THAT(message_of<DataError>(make), HasSubstr("3 found, 2 expected"));
  scratch.write("i", idx(3, {2, 2, 2}, "abcdefg"));
  EXPECT_THAT(message_of<DataError>(make), HasSubstr("23 bytes found, 24 expected"));
  scratch.write("i", idx(1, {2}, "ab"));
  EXPECT_THAT(message_of<DataError>(make), HasSubstr("magic 0x00000803 expected"));
  scratch.write("i", std::string("\x1f\x8b\x08\x00garbage", 11));
  EXPECT_THAT(message_of<DataError>(make), HasSubstr("gzip expected"));
}

void write_pixel(const std::filesystem::path& path, std::uint8_t value) {
  std::filesystem::create_directories(path.parent_path());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = 1;
  image.format = PNG_FORMAT_GRAY;
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, &value, 0, nullptr), 0);
}

TEST(ImagenetRaw, ReadsTheListInOrder) {
  const Scratch scratch;
  write_pixel(scratch.path() / "d/a b.png", 1);
  write_pixel(scratch.path() / "d/c.png", 2);
  scratch.write("list.txt", "c.png 5\r\n\na b.png\t0\n");
  const auto data = make_dataset(loader(named("ImagenetRaw", {{"data_path", text("d")}, {"image_list", text("list.txt")}})),
                                 scratch.path());
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(list<std::uint8_t>(data->get(0).inputs[0])[0], 2);
  EXPECT_EQ(label_of(*data, 0), 5);
  EXPECT_EQ(label_of(*data, 1), 0);
}

TEST(ImagenetRaw, NamesTheLineThatIsWrong) {
  const Scratch scratch;
  write_pixel(scratch.path() / "a.png", 1);
  const auto message = [&](const std::string& content) {
    scratch.write("val.txt", content);
    return message_of<DataError>([&] {
      make_dataset(loader(named("ImagenetRaw", {{"data_path", text(".")}})), scratch.path());
    });
  };
  EXPECT_THAT(message("a.png 0\nb.png 1\n"), AllOf(HasSubstr("val.txt:2"), HasSubstr("b.png")));
  EXPECT_THAT(message("a.png\n"), HasSubstr("'a.png' found, an image file and its label expected"));
  EXPECT_THAT(message("a.png x\n"), HasSubstr("val.txt:1"));
  EXPECT_THAT(message("\n"), HasSubstr("no lines found"));
}

TEST(ImageFolder, ClassesAreSortedFoldersAndFlatHasNoLabels) {
  const Scratch scratch;
  write_pixel(scratch.path() / "t/dog/1.png", 1);
  write_pixel(scratch.path() / "t/cat/2.PNG", 2);
  write_pixel(scratch.path() / "t/cat/1.png", 3);
  const auto make = [&](const char* root) {
    return make_dataset(loader(named("ImageFolder", {{"root", text(root)}})), scratch.path());
  };
  const auto tree = make("t");
  ASSERT_EQ(tree->size(), 3);
  EXPECT_EQ(list<std::uint8_t>(tree->get(0).inputs[0])[0], 3);
  EXPECT_EQ(label_of(*tree, 2), 1);
  const auto flat = make("t/cat");
  EXPECT_FALSE(flat->labelled());
  EXPECT_FALSE(flat->get(0).label.defined());
  write_pixel(scratch.path() / "t/extra.png", 4);
  EXPECT_THROW(make("t"), DataError);
  std::filesystem::create_directories(scratch.path() / "empty");
  EXPECT_THROW(make("empty"), DataError);
}

class ArraysTest : public ::testing::Test {
 protected:
  std::unique_ptr<const Dataset> make(config::ParameterMap parameters) const {
    return make_dataset(loader(named("Arrays", std::move(parameters))), scratch.path());
  }
  Scratch scratch;
};

TEST_F(ArraysTest, FirstAxisCountsSamples) {
  scratch.write("x.npy", npy("<f4", "(3, 2)", raw<float>({1, 2, 3, 4, 5, 6})));
  scratch.write("y.npy", npy("<i8", "(3,)", raw<std::int64_t>({7, 8, 9})));
  const auto data = make({{"inputs", map({{"in", text("x.npy")}})}, {"labels", text("y.npy")}});
  ASSERT_EQ(data->size(), 3);
  EXPECT_THAT(data->input_names(), ElementsAre("in"));
  EXPECT_THAT(list<float>(data->get(1).inputs[0]), ElementsAre(3, 4));
  EXPECT_EQ(label_of(*data, 2), 9);
}

TEST_F(ArraysTest, FirstAndCountSelect) {
  scratch.write("x.npy", npy("<f4", "(4, 1)", raw<float>({1, 2, 3, 4})));
  const auto data = make({{"inputs", map({{"in", text("x.npy")}})}, {"first", integer(1)}, {"count", integer(2)}});
  ASSERT_EQ(data->size(), 2);
  EXPECT_THAT(list<float>(data->get(1).inputs[0]), ElementsAre(3));
  EXPECT_FALSE(data->labelled());
  EXPECT_THAT(message_of<DataError>([&] {
                make({{"inputs", map({{"in", text("x.npy")}})}, {"first", integer(2)}, {"count", integer(3)}});
              }),
              HasSubstr("first 2 and count 3 found, a part of its 4 samples expected"));
  EXPECT_THROW(make({{"inputs", map({{"in", text("x.npy")}})}, {"count", integer(0)}}), ConfigError);
}

TEST_F(ArraysTest, LabelCountMustFit) {
  scratch.write("x.npy", npy("<f4", "(2, 1)", raw<float>({1, 2})));
  scratch.write("y.npy", npy("<i8", "(3,)", raw<std::int64_t>({7, 8, 9})));
  EXPECT_THAT(message_of<DataError>([&] {
                make({{"inputs", map({{"in", text("x.npy")}})}, {"labels", text("y.npy")}});
              }),
              HasSubstr("3 samples found, 2 expected"));
}

TEST_F(ArraysTest, NotANumberNamesArrayAndSample) {
  scratch.write("x.npy", npy("<f4", "(2, 2)", raw<float>({1, 2, 3, std::numeric_limits<float>::quiet_NaN()})));
  EXPECT_THAT(message_of<DataError>([&] {
                make({{"inputs", map({{"in", text("x.npy")}})}});
              }),
              AllOf(HasSubstr("'x.npy'"), HasSubstr("sample 1, element 1"), HasSubstr("nan found")));
  EXPECT_NO_THROW(make({{"inputs", map({{"in", text("x.npy")}})}, {"count", integer(1)}}));
}

TEST_F(ArraysTest, UnknownParameterIsRefused) {
  scratch.write("x.npy", npy("<f4", "(1, 1)", raw<float>({1})));
  EXPECT_THAT(message_of<ConfigError>([&] {
                make({{"inputs", map({{"in", text("x.npy")}})}, {"label", text("y.npy")}});
              }),
              HasSubstr("did you mean 'labels'?"));
}

TEST(Dummy, IsSeededPerSample) {
  const auto make = [] {
    return make_dataset(loader(named("dummy", {{"shape", integers({5, 2, 3})}, {"low", number(0)}, {"high", number(1)}})),
                        ".");
  };
  const auto a = make(), b = make();
  ASSERT_EQ(a->size(), 5);
  EXPECT_THAT(a->get(0).inputs[0].shape(), ElementsAre(2, 3));
  EXPECT_TRUE(ir::identical(a->get(3).inputs[0], b->get(3).inputs[0]));
  EXPECT_FALSE(ir::identical(a->get(3).inputs[0], a->get(4).inputs[0]));
  for (const float v : list<float>(a->get(2).inputs[0])) EXPECT_TRUE(v >= 0 && v < 1);
}

TEST(Dummy, RefusesBoundsItsTypeCannotHold) {
  const auto make = [](double low, double high, const char* type) {
    make_dataset(
        loader(named("dummy",
                     {{"shape", integers({1, 4})}, {"low", number(low)}, {"high", number(high)}, {"dtype", text(type)}})),
        ".");
  };
  EXPECT_THROW(make(-1, 10, "uint8"), ConfigError);
  EXPECT_THROW(make(2, 1, "float32"), ConfigError);
  EXPECT_THROW(make(0, 1, "complex"), ConfigError);
  EXPECT_NO_THROW(make(0, 255, "uint8"));
}

TEST(Dataloader, ShuffleIsAPermutationAndDiscardDropsTheRest) {
  auto dataloader = loader(named("dummy", {{"shape", integers({10, 1})}}));
  const auto plain = make_dataset(dataloader, ".");
  dataloader.shuffle = true;
  const auto shuffled = make_dataset(dataloader, ".");
  std::set<float> a, b;
  bool moved = false;
  for (int i = 0; i < 10; ++i) {
    a.insert(list<float>(plain->get(i).inputs[0])[0]);
    b.insert(list<float>(shuffled->get(i).inputs[0])[0]);
    moved = moved || !ir::identical(plain->get(i).inputs[0], shuffled->get(i).inputs[0]);
  }
  EXPECT_EQ(a, b);
  EXPECT_TRUE(moved);
  dataloader.last_batch = "discard";
  dataloader.batch_size = 4;
  EXPECT_EQ(make_dataset(dataloader, ".")->size(), 8);
}

TEST(Factory, RefusesUnknownAndUnsupportedNames) {
  EXPECT_THAT(message_of<ConfigError>([] { make_dataset(loader(named("CIFAR1O")), "."); }),
              HasSubstr("did you mean 'CIFAR10'?"));
  EXPECT_THAT(message_of<ConfigError>([] { make_metric(named("BLEU")); }), HasSubstr("not supported metric: 'BLEU' found (it judges generated texts)"));
  EXPECT_THAT(message_of<ConfigError>([] {
                make_dataset(loader(named("dummy", {{"shape", integers({1})}}), {named("Reisze")}), ".");
              }),
              HasSubstr("unknown transform: 'Reisze'"));
  EXPECT_THROW(make_dataset(config::Dataloader{}, "."), ConfigError);
}

TEST(Factory, RowsNameTheirParameters) {
  for (const auto rows : {dataset_rows(), transform_rows(), metric_rows(), postprocess_rows()})
    for (const auto& row : rows) EXPECT_FALSE(row.name.empty() || row.summary.empty());
}

}  // namespace
}  // namespace inc::eval
