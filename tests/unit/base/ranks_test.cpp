#include "core/base/ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "core/base/error.h"
#include "core/base/pack.h"
#include "tests/support/threads_as_ranks.h"

namespace inc {
namespace {

struct Inner {
  std::vector<int> numbers;
  std::optional<std::string> text;
  template <class Archive>
  void pass(Archive& archive) {
    archive(numbers, text);
  }
};

TEST(Pack, GivesBackWhatItGot) {
  const std::vector<Inner> before{{{1, 2, 3}, "a\0b"}, {{}, std::nullopt}};
  Packer packer;
  packer(before[0], before[1], 0.1, std::string("end"));
  const std::string bytes = std::move(packer).take();
  std::vector<Inner> after{{{}, ""}, {{7}, std::nullopt}};
  double number = 0;
  std::string end;
  Unpacker unpacker(bytes);
  unpacker(after[0], after[1], number, end);
  EXPECT_TRUE(unpacker.done());
  EXPECT_EQ(after[0].numbers, before[0].numbers);
  EXPECT_EQ(after[0].text, before[0].text);
  EXPECT_TRUE(after[1].numbers.empty());
  EXPECT_EQ(number, 0.1);
  EXPECT_EQ(end, "end");
  Unpacker cut(std::string_view(bytes).substr(0, bytes.size() - 1));
  EXPECT_THROW(cut(after[0], after[1], number, end), InternalError);
}

TEST(Alone, SpeaksWithItself) {
  EXPECT_TRUE(alone().first() && !alone().several());
  EXPECT_EQ(alone().broadcast("x"), "x");
  EXPECT_EQ(alone().all_gather("x"), std::vector<std::string>{"x"});
  EXPECT_TRUE(alone().agree(true) && alone().any(true) && !alone().agree(false) && !alone().any(false));
}

class RanksTest : public ::testing::TestWithParam<int> {
 protected:
  /// Runs on every rank; none may throw.
  void on_all(const std::function<void(const Ranks&)>& body) {
    for (const auto& thrown : ranks_.run(body)) EXPECT_FALSE(thrown);
  }
  testing::ThreadRanks ranks_{GetParam()};
};

TEST_P(RanksTest, AgreeOnWhatTheFirstSaysAndHearEachOther) {
  on_all([&](const Ranks& ranks) {
    EXPECT_TRUE(ranks.agree(ranks.first()));
    EXPECT_FALSE(ranks.agree(!ranks.first()));
    EXPECT_TRUE(ranks.any(ranks.rank() == ranks.size() - 1));
    EXPECT_FALSE(ranks.any(false));
  });
}

TEST_P(RanksTest, EveryPieceIsDoneOnceAndKnownToAllInOrder) {
  for (const std::int64_t count : {0, 1, 2, 7}) {
    std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
    on_all([&](const Ranks& ranks) {
      auto results = share_out(ranks, count, [&](std::int64_t i) {
        ++done[static_cast<std::size_t>(i)];
        return std::to_string(i);
      });
      ASSERT_EQ(results.size(), static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(std::move(results[i]).take(), std::to_string(i));
    });
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
}

TEST_P(RanksTest, AnErrorOfAPieceIsThrownWhereItIsTakenAsItWas) {
  on_all([&](const Ranks& ranks) {
    auto pieces = share_out(ranks, 9, [&](std::int64_t i) -> std::string {
      if (i == 4) with_context([] { return std::string("while trying"); }, [] { throw UnsupportedError("piece 4"); });
      if (i == 5) throw DataError("piece 5");
      return "good";
    });
    try {
      std::move(pieces[4]).take();
      ADD_FAILURE();
    } catch (const UnsupportedError& error) {
      EXPECT_EQ(error.full_message(), "piece 4\n  while trying");
    }
    EXPECT_THROW(std::move(pieces[5]).take(), DataError);
    EXPECT_EQ(std::move(pieces[8]).take(), "good");
  });
}

TEST_P(RanksTest, WhatFailsInOneFailsInAll) {
  on_all([&](const Ranks& ranks) {
    int done = 0;
    EXPECT_NO_THROW(together(ranks, [&] { ++done; }));
    EXPECT_EQ(done, 1);
    EXPECT_THROW(together(ranks,
                          [&] {
                            if (ranks.rank() == ranks.size() - 1) throw BackendError("out of memory here");
                          }),
                 BackendError);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, RanksTest, ::testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace inc
