#include "core/search/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/rng.h"

namespace inc::search {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const RunIdentity kRun{
    {{"model_hash", "model"}, {"space_hash", "space"}, {"settings", "a: 1\n  b: 2\n  c: 3\n"}, {"seed", "9527"}}};

Observation trial(std::uint16_t first) {
  Observation seen;
  seen.point = {first, 2, 65535};
  seen.accuracy = 0.1 + 0.2 * first;
  seen.loss = -1e-17;
  seen.met = first % 2 == 1;
  seen.cost = 1.0 / 3;
  seen.seconds = 12;
  seen.metrics = {1.0 / 3, std::nan("")};
  seen.details = {0.25};
  seen.full_evaluations = 0.25;
  seen.accuracy_low = 0.1;
  seen.latency_ms = 1.0 / 3;
  seen.model_bytes = 12345;
  return seen;
}

Sensitivity sensitivity() {
  return {{{0.1, HUGE_VAL}, {}, {1e-300, 0}},
          {{1.0 / 3, std::nan("")}, {}, {5e-324, -0.0}},
          0.7,
          1e9 + 1.0 / 3,
          "0123456789abcdef"};
}

/// Equal to the last bit, NaN included.
bool same(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

Observation failure() {
  Observation seen;
  seen.point = {7, 0, 0};
  seen.state = TrialState::Failed;
  seen.why_failed = "a \"quoted\"\nreason with bytes \xff that are no text";
  seen.accuracy = std::nan("");
  seen.loss = HUGE_VAL;
  seen.cost = -HUGE_VAL;
  return seen;
}

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::Off);
    const fs::path memory = "/dev/shm";  // where it exists, fsync costs nothing
    path_ = (fs::is_directory(memory) ? memory : fs::temp_directory_path()) /
            ("inc_cpp_journal_" + std::to_string(::getpid()) + ".jsonl");
    fs::remove(path_);
  }
  void TearDown() override {
    fs::remove(path_);
    log::set_level(log::Level::Info);
  }

  void write_run() {
    Journal journal = Journal::create(path_, kRun);
    for (std::uint16_t i = 0; i < 3; ++i) journal.append(trial(i));
    journal.append(failure());
  }
  History resumed() {
    History history;
    Journal::resume(path_, kRun, history);
    return history;
  }
  void put(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  std::string refusal(const RunIdentity& run = kRun) {
    History history;
    try {
      Journal::resume(path_, run, history);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "accepted";
  }

  fs::path path_;
};

TEST_F(JournalTest, ResumeGivesBackEveryObservationExactly) {
  write_run();
  const History history = resumed();
  ASSERT_EQ(history.size(), 4u);
  for (std::uint16_t i = 0; i < 3; ++i) {
    const Observation expected = trial(i);
    EXPECT_EQ(history[i].point, expected.point);
    EXPECT_EQ(history[i].accuracy, expected.accuracy);
    EXPECT_EQ(history[i].loss, expected.loss);
    EXPECT_EQ(history[i].met, expected.met);
    EXPECT_EQ(history[i].cost, expected.cost);
    EXPECT_EQ(history[i].seconds, expected.seconds);
    EXPECT_EQ(history[i].details, expected.details);
    ASSERT_EQ(history[i].metrics.size(), expected.metrics.size());
    for (std::size_t k = 0; k < expected.metrics.size(); ++k) EXPECT_TRUE(same(history[i].metrics[k], expected.metrics[k]));
    EXPECT_EQ(history[i].full_evaluations, expected.full_evaluations);
    EXPECT_EQ(history[i].accuracy_low, expected.accuracy_low);
    EXPECT_EQ(history[i].latency_ms, expected.latency_ms);
    EXPECT_EQ(history[i].model_bytes, expected.model_bytes);
    EXPECT_EQ(history[i].state, TrialState::Complete);
  }
}

TEST_F(JournalTest, KeepsNumbersThatAreNotFiniteAndOddTexts) {
  write_run();
  const Observation seen = resumed()[3];
  EXPECT_EQ(seen.state, TrialState::Failed);
  EXPECT_TRUE(std::isnan(seen.accuracy));
  EXPECT_EQ(seen.loss, HUGE_VAL);
  EXPECT_EQ(seen.cost, -HUGE_VAL);
  EXPECT_THAT(seen.why_failed, HasSubstr("a \"quoted\"\nreason"));
}

TEST_F(JournalTest, CutAnywhereItResumesWithTheWholeLinesBeforeAndCanGoOn) {
  write_run();
  const std::string whole = read_file(path_);
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    const std::string cut = whole.substr(0, bytes);
    put(cut);
    const auto lines = static_cast<std::size_t>(std::count(cut.begin(), cut.end(), '\n'));
    History history;
    Journal::resume(path_, kRun, history).append(trial(9));
    EXPECT_EQ(history.size(), lines == 0 ? 0 : lines - 1) << bytes;
    const History again = resumed();
    ASSERT_EQ(again.size(), history.size() + 1) << bytes;
    EXPECT_EQ(again[again.size() - 1].point, trial(9).point);
  }
}

TEST_F(JournalTest, ALastLineOfZerosIsDropped) {
  write_run();
  put(read_file(path_) + std::string(100, '\0') + "\n");
  EXPECT_EQ(resumed().size(), 4u);
}

TEST_F(JournalTest, AChangedByteBeforeTheLastLineIsRefusedWithItsLine) {
  write_run();
  std::string text = read_file(path_);
  text[text.find("0.1", text.find('\n'))] = '9';
  put(text);
  EXPECT_THAT(refusal(), HasSubstr("line 2 is damaged"));
}

TEST_F(JournalTest, AnotherRunsJournalIsRefusedNamingWhatDiffers) {
  write_run();
  RunIdentity other = kRun;
  other.facts[1].second = "another space";
  EXPECT_THAT(refusal(other), HasSubstr("space_hash: 'space' there, 'another space' here"));
  other = kRun;
  other.facts[3].second = "1";
  EXPECT_THAT(refusal(other), HasSubstr("seed: '9527' there, '1' here"));
  other = kRun;
  other.facts.emplace_back("isa", "avx2");
  EXPECT_THAT(refusal(other), HasSubstr("isa is missing there, 'avx2' here"));
  other = kRun;
  other.facts.pop_back();
  EXPECT_THAT(refusal(other), HasSubstr("seed is '9527' there, missing here"));
  EXPECT_EQ(resumed().size(), 4u);
}

TEST_F(JournalTest, OfLongTextsTheLinesThatDifferAreNamed) {
  write_run();
  RunIdentity other = kRun;
  other.facts[2].second = "a: 1\n  b: 3\n  c: 3\n";
  EXPECT_THAT(refusal(other), HasSubstr("settings: 'b: 2' there, 'b: 3' here"));
  other.facts[2].second = "a: 1\n  b: 2\n";
  EXPECT_THAT(refusal(other), HasSubstr("settings: 'c: 3' there, nothing here"));
}

TEST_F(JournalTest, WhatIsNoJournalIsRefusedAndStays) {
  for (const std::string text : {"hello", "hello\n", "{}\n", "\n\n", "{\"event\":{\"kind\":\"run\"}}\n", "PK\x03\x04"}) {
    put(text);
    EXPECT_THAT(refusal(), HasSubstr("is not a journal")) << text;
    EXPECT_EQ(read_file(path_), text);
  }
}

TEST_F(JournalTest, SensitivitiesComeBackExactly) {
  {
    Journal journal = Journal::create(path_, kRun);
    journal.append(trial(1));
    journal.append(sensitivity());
    journal.append(trial(2));
  }
  const History history = resumed();
  EXPECT_EQ(history.size(), 2u);
  ASSERT_NE(history.sensitivity(), nullptr);
  const Sensitivity &found = *history.sensitivity(), expected = sensitivity();
  const auto alike = [](const auto& a, const auto& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return std::equal(x.begin(), x.end(), y.begin(), y.end(), same); });
  };
  EXPECT_TRUE(alike(found.output, expected.output));
  EXPECT_TRUE(alike(found.own, expected.own));
  EXPECT_TRUE(same(found.full_evaluations, expected.full_evaluations));
  EXPECT_TRUE(same(found.seconds, expected.seconds));
  EXPECT_EQ(found.costs, expected.costs);
}

TEST_F(JournalTest, EveryNumberComesBackToTheLastBit) {
  std::optional<Journal> journal = Journal::create(path_, kRun);
  Rng rng(7);
  std::vector<double> numbers;
  for (int i = 0; i < 200; ++i) {
    Observation seen = trial(static_cast<std::uint16_t>(i));
    do seen.cost = std::bit_cast<double>(rng.next());
    while (!std::isfinite(seen.cost));
    numbers.push_back(seen.cost);
    journal->append(seen);
  }
  journal.reset();
  const History history = resumed();
  ASSERT_EQ(history.size(), numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_TRUE(same(history[i].cost, numbers[i])) << numbers[i];
}

TEST_F(JournalTest, AFailedWriteLeavesTheJournalAsItWasAndItGoesOnWhenThereIsRoom) {
  write_run();
  const std::string before = read_file(path_);
  History history;
  std::optional<Journal> journal = Journal::resume(path_, kRun, history);
  rlimit usual{};
  getrlimit(RLIMIT_FSIZE, &usual);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{50}}) {
    const rlimit small{before.size() + room, usual.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_THROW(journal->append(trial(9)), BackendError);
    setrlimit(RLIMIT_FSIZE, &usual);
    EXPECT_EQ(read_file(path_), before);
  }
  std::signal(SIGXFSZ, old_handler);
  journal->append(trial(9));
  journal.reset();
  EXPECT_EQ(resumed().size(), 5u);
}

TEST_F(JournalTest, IsForOneRunAtATime) {
  write_run();
  std::optional<Journal> journal = Journal::create(path_, kRun);
  journal->append(trial(1));
  const std::string before = read_file(path_);
  EXPECT_THAT(refusal(), HasSubstr("in use by another run"));
  EXPECT_THROW(Journal::create(path_, kRun), ConfigError);
  EXPECT_THROW(Journal::discard(path_), ConfigError);
  EXPECT_EQ(read_file(path_), before);
  journal.reset();
  EXPECT_EQ(resumed().size(), 1u);
  Journal::discard(path_);
  Journal::discard(path_);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(JournalTest, EveryLineIsOneJsonObject) {
  write_run();
  std::istringstream text(read_file(path_));
  int lines = 0;
  for (std::string line; std::getline(text, line); ++lines) {
    EXPECT_EQ(line.front(), '{');
    EXPECT_EQ(line.back(), '}');
  }
  EXPECT_EQ(lines, 5);
}

TEST_F(JournalTest, CreateReplacesAnOldJournal) {
  write_run();
  Journal::create(path_, kRun);
  EXPECT_EQ(resumed().size(), 0u);
}

TEST_F(JournalTest, AJournalThatCannotBeWrittenIsABackendError) {
  std::ofstream(path_) << "a file, not a directory";
  EXPECT_THROW(Journal::create(path_ / "journal.jsonl", kRun), BackendError);
}

}  // namespace
}  // namespace inc::search
