#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>

#include "core/base/bfloat16.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "core/base/text.h"

namespace inc {
namespace {

TEST(Errors, CollectNotesInnermostFirst) {
  try {
    with_context([] { return std::string("while quantizing"); },
                 [] { with_context([] { return std::string("for value 'x'"); }, [] { throw ModelError("scale is not finite: nan"); }); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.full_message(), "scale is not finite: nan\n  for value 'x'\n  while quantizing");
    EXPECT_EQ(error.exit_code(), ExitCode::Model);
  }
}

TEST(BFloat16Rounding, IsToNearestEven) {
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(BFloat16(1.00390625f).bits, 0x3f80);   // halfway, even below
  EXPECT_EQ(BFloat16(1.01171875f).bits, 0x3f82);   // halfway, even above
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::infinity()).bits, 0x7f80);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::nanf("")))));
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

TEST(Float16Rounding, RoundTripsEveryFiniteValue) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = Float16::from_bits(static_cast<std::uint16_t>(bits));
    const auto value = static_cast<float>(half);
    if (std::isnan(value)) continue;
    EXPECT_EQ(Float16(value).bits, half.bits);
  }
}

TEST(Float16Rounding, TiesToEvenAndOverflows) {
  EXPECT_EQ(Float16(2049.0f).bits, Float16(2048.0f).bits);
  EXPECT_EQ(Float16(2051.0f).bits, Float16(2052.0f).bits);
  EXPECT_EQ(Float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(Float16(0x1p-25f).bits, 0);
  EXPECT_EQ(Float16(0x1.8p-25f).bits, 1);
}

TEST(RandomNumbers, AreTheSameEverywhere) {
  Rng rng(9527);
  const std::uint64_t first = rng.next();
  EXPECT_EQ(Rng(9527).next(), first);
  EXPECT_NE(Rng(9527, 1).next(), first);
  Rng same(1);
  std::vector<int> items(10);
  std::iota(items.begin(), items.end(), 0);
  same.shuffle(items);
  EXPECT_EQ(std::accumulate(items.begin(), items.end(), 0), 45);
}

TEST(RandomNumbers, StayBelowTheirBound) {
  Rng rng(3);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen[rng.below(7)];
  for (const int count : seen) EXPECT_GT(count, 800);
}

TEST(ParallelFor, CoversEveryIndexOnce) {
  for (const int team : {1, 2, 3}) {
    set_threads(team);
    std::vector<int> hits(1001);
    parallel_for(1001, 10, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
    });
    EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), 1001);
  }
  set_threads(0);
}

TEST(Files, AreReplacedWholeOrNotAtAll) {
  const auto folder = std::filesystem::temp_directory_path() / "inc_file_test";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "a", "one");
  write_file_atomically(folder / "a", "two");
  EXPECT_EQ(read_file(folder / "a"), "two");
  EXPECT_THROW(write_file_atomically(folder / "missing" / "a", "x"), BackendError);
  EXPECT_THROW(read_file(folder / "nothing"), DataError);
  {
    AtomicFile given_up(folder / "a");
    given_up.write("three");
  }
  EXPECT_EQ(read_file(folder / "a"), "two");
  AtomicFile pieces(folder / "a");
  pieces.write("fo");
  pieces.write("ur");
  EXPECT_EQ(read_file(folder / "a"), "two");
  pieces.commit();
  EXPECT_EQ(read_file(folder / "a"), "four");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::filesystem::remove_all(folder);
}

TEST(Hash, OfBulkDataTellsEveryBitAndItsPlace) {
  std::vector<std::uint8_t> data(77, 0);
  const std::uint64_t zeros = Hash64().add_bulk(data.data(), data.size()).value();
  std::set<std::uint64_t> seen{zeros, Hash64().add_bulk(data.data(), data.size() - 1).value()};
  for (std::uint8_t& byte : data)
    for (int bit = 0; bit < 8; ++bit) {
      byte = static_cast<std::uint8_t>(1u << bit);
      seen.insert(Hash64().add_bulk(data.data(), data.size()).value());
      byte = 0;
    }
  EXPECT_EQ(seen.size(), 2 + 8 * data.size());
}

TEST(Hash64, OfPiecesIsThatOfTheWhole) {
  std::vector<unsigned char> data(1000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<unsigned char>(i * 7);
  for (const std::size_t bytes : {0u, 1u, 31u, 32u, 64u, 999u, 1000u})
    for (const std::size_t piece : {32u, 96u, 1024u}) {
      const Hash64 before = Hash64().add_int(bytes);
      BulkHash bulk(before);
      for (std::size_t at = 0; at < bytes; at += piece) bulk.add(data.data() + at, std::min(piece, bytes - at));
      EXPECT_EQ(bulk.done().value(), Hash64(before).add_bulk(data.data(), bytes).value()) << bytes << " in " << piece;
    }
}

TEST(Memory, IsAlignedAndGivenBack) {
  for (const std::size_t bytes : {0ul, 1ul, 5000ul, 3ul << 20, (8ul << 20) + 1}) {
    const Storage made = storage(bytes), passing = heap(bytes), momentary = pages(bytes), reserved = reserve(bytes);
    for (const Storage* memory : {&made, &passing, &momentary, &reserved}) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->get()) % 64, 0u) << bytes;
      if (bytes > 0) memory->get()[0] = memory->get()[bytes - 1] = std::byte{1};
    }
  }
  EXPECT_THROW(storage(std::size_t{1} << 60), BackendError);
  EXPECT_THROW(pages(std::size_t{1} << 60), BackendError);
}

TEST(Suggestions, AreGivenForSlipsOnly) {
  const std::vector<std::string> names{"max_trials", "timeout", "performance_only"};
  EXPECT_EQ(nearest("max_trial", names), "max_trials");
  EXPECT_EQ(nearest("zebra", names), "");
  EXPECT_EQ(did_you_mean("timeot", names), " (did you mean 'timeout'?)");
}

TEST(Hashes, AreStable) {
  EXPECT_EQ(Hash64().add(std::string_view("abc").data(), 3).hex(), "e71fa2190541574b");
  EXPECT_NE(Hash64().add("ab").add("c").value(), Hash64().add("a").add("bc").value());
}

}  // namespace
}  // namespace inc
