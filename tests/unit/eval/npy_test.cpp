#include "core/eval/npy.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include "core/base/error.h"
#include "tests/unit/eval/helpers.h"

namespace inc::eval {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string deflated(const std::string& plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Member {
  std::string name, content;
  bool deflate = false;
};

std::string zip(const std::vector<Member>& members) {
  std::string file, directory;
  for (const auto& member : members) {
    const std::string stored = member.deflate ? deflated(member.content) : member.content;
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(member.content.data()), static_cast<uInt>(member.content.size()));
    const std::string common = little(20, 2) + little(0, 2) + little(member.deflate ? 8 : 0, 2) + little(0, 4) +
                               little(crc, 4) + little(stored.size(), 4) + little(member.content.size(), 4) +
                               little(member.name.size(), 2) + little(0, 2);
    directory += "PK\x01\x02" + little(20, 2) + common + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                 little(file.size(), 4) + member.name;
    file += "PK\x03\x04" + common + member.name + stored;
  }
  return file + directory + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) + little(members.size(), 2) +
         little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

TEST(ReadArray, MapsNpy) {
  const Scratch scratch;
  const auto path = scratch.write("a.npy", npy("<f4", "(2, 3)", raw<float>({1, 2, 3, 4, 5, 6})));
  const ir::Tensor array = read_array(path);
  EXPECT_EQ(array.dtype(), DType::Float);
  EXPECT_THAT(array.shape(), ElementsAre(2, 3));
  EXPECT_THAT(list<float>(array), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(ReadArray, ReadsOneAxisAndScalars) {
  const Scratch scratch;
  EXPECT_THAT(read_array(scratch.write("a.npy", npy("<i8", "(2,)", raw<std::int64_t>({1, -2})))).shape(), ElementsAre(2));
  EXPECT_EQ(read_array(scratch.write("s.npy", npy("|u1", "()", "x"))).rank(), 0);
}

TEST(ReadArray, RefusesWhatItCannotUse) {
  const Scratch scratch;
  const auto message = [&](const std::string& content) {
    const auto path = scratch.write("bad.npy", content);
    return message_of<DataError>([&] { read_array(path); });
  };
  const std::string four = raw<float>({1});
  EXPECT_THAT(message(npy(">f4", "(1,)", four)), HasSubstr(">f4 found, little-endian numbers expected"));
  EXPECT_THAT(message(npy("<f4", "(1,)", four, "True")), HasSubstr("C order expected"));
  EXPECT_THAT(message(npy("<f4", "(2,)", four)), HasSubstr("4 bytes found, 2 elements of 4 bytes expected"));
  EXPECT_THAT(message(npy("<f4", "(4611686018427387904, 4611686018427387904)", four)), HasSubstr("fit into memory"));
  EXPECT_THAT(message(npy("<f4", "(-1,)", four)), HasSubstr("non-negative"));
  EXPECT_THAT(message("hello, world, hello"), HasSubstr("no NumPy magic"));
  EXPECT_THAT(message(""), HasSubstr("bad.npy"));
}

TEST(ReadArray, EveryTruncationIsADataError) {
  const Scratch scratch;
  const std::string whole = npy("<f4", "(2,)", raw<float>({1, 2}));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(read_array(scratch.write("cut.npy", whole.substr(0, size))), DataError) << size;
}

class Npz : public ::testing::TestWithParam<bool> {};

TEST_P(Npz, MembersAreFoundByName) {
  const Scratch scratch;
  const auto path = scratch.write("d.npz", zip({{"x.npy", npy("<f4", "(2,)", raw<float>({1, 2})), GetParam()},
                                                {"y.npy", npy("<i4", "(1,)", raw<std::int32_t>({7})), GetParam()}}));
  EXPECT_THAT(list<float>(read_array(path, "x")), ElementsAre(1, 2));
  EXPECT_THAT(list<std::int32_t>(read_array(path.string() + ":y")), ElementsAre(7));
  EXPECT_THAT(message_of<DataError>([&] { read_array(path, "z"); }), HasSubstr("x.npy, y.npy found"));
}

TEST_P(Npz, TheOnlyMemberNeedsNoName) {
  const Scratch scratch;
  const auto path = scratch.write("d.npz", zip({{"arr_0.npy", npy("|u1", "(3,)", "abc"), GetParam()}}));
  EXPECT_THAT(list<std::uint8_t>(read_array(path, "images")), ElementsAre('a', 'b', 'c'));
}

TEST_P(Npz, EveryDamagedByteIsCaughtOrHarmless) {
  const Scratch scratch;
  const std::string whole = zip({{"x.npy", npy("<i4", "(4,)", raw<std::int32_t>({1, 2, 3, 4})), GetParam()}});
  for (std::size_t at = 0; at < whole.size(); at += 2) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x5a);
    const auto path = scratch.write("bad.npz", bad);
    try {
      EXPECT_THAT(list<std::int32_t>(read_array(path, "x")), ElementsAre(1, 2, 3, 4)) << at;
    } catch (const DataError&) {
    }
  }
  for (std::size_t size = 2; size < whole.size(); size += 3)
    EXPECT_THROW(read_array(scratch.write("cut.npz", whole.substr(0, size)), "x"), DataError) << size;
}

INSTANTIATE_TEST_SUITE_P(StoredAndDeflated, Npz, ::testing::Bool());

}  // namespace
}  // namespace inc::eval
