// A run that was cut off anywhere ends as if nothing had happened.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/search/journal.h"

namespace inc::search {
namespace {

namespace fs = std::filesystem;

const RunIdentity kIdentity{{{"model_hash", "model"}, {"seed", "1"}}};
constexpr std::size_t kTrials = 6, kSensitivityAfter = 2;

/// What it asks depends on the last bit of everything seen.
class Chaotic : public Strategy {
 public:
  std::optional<Point> ask(const History& history) const override {
    Hash64 hash;
    for (const auto& seen : history.all())
      hash.add_int(std::bit_cast<std::uint64_t>(seen.accuracy)).add_int(std::bit_cast<std::uint64_t>(seen.cost));
    if (const Sensitivity* found = history.sensitivity()) hash.add_int(std::bit_cast<std::uint64_t>(found->output[0][0]));
    Point point{static_cast<std::uint16_t>(hash.value()), static_cast<std::uint16_t>(hash.value() >> 16)};
    while (history.find(point) != nullptr) ++point[0];
    return point;
  }
  Wants wants(const History& history) const override { return {history.size() >= kSensitivityAfter}; }
  std::string_view name() const override { return "chaotic"; }
};

class ResumeTest : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::Off);
    const fs::path memory = "/dev/shm";  // where it exists, fsync costs nothing
    path_ = (fs::is_directory(memory) ? memory : fs::temp_directory_path()) /
            ("inc_cpp_resume_" + std::to_string(::getpid()) + ".jsonl");
    fs::remove(path_);
  }
  void TearDown() override {
    fs::remove(path_);
    log::set_level(log::Level::Info);
  }

  Measures measures() {
    return {[this](const Point& point, std::size_t) {
              ++evaluated_;
              Observation seen;
              seen.accuracy = 1.0 / (1.0 + point[0]);
              seen.cost = 1.0 / (3.0 + point[1]);
              if (point[0] % 3 == 0) {
                seen.state = TrialState::Failed;
                seen.why_failed = "reason " + std::to_string(point[1]);
              }
              return seen;
            },
            [this] {
              ++sensitivities_;
              return Sensitivity{{{1.0 / 7}}, {{2.0 / 7}}, 0.5, 0, "hash"};
            }};
  }

  History run(bool resume) {
    History history;
    Journal journal = resume ? Journal::resume(path_, kIdentity, history) : Journal::create(path_, kIdentity);
    resumed_ = history.size();
    StopRule stop;
    stop.max_trials = kTrials;
    Listener listener;
    listener.on_trial = [&](const Observation& seen, std::size_t) { journal.append(seen); };
    listener.on_sensitivity = [&](const Sensitivity& found) { journal.append(found); };
    evaluated_ = sensitivities_ = 0;
    return tune(Chaotic(), measures(), stop, listener, std::move(history)).history;
  }

  fs::path path_;
  std::size_t evaluated_ = 0, sensitivities_ = 0, resumed_ = 0;
};

TEST_F(ResumeTest, CutAtAnyByteTheJournalEndsTheSameAndNothingIsMeasuredTwice) {
  run(false);
  const std::string whole = read_file(path_);
  ASSERT_EQ(std::count(whole.begin(), whole.end(), '\n'), static_cast<std::ptrdiff_t>(1 + kTrials + 1));
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    const std::string cut = whole.substr(0, bytes);
    std::ofstream(path_, std::ios::binary) << cut;
    const History history = run(true);
    ASSERT_EQ(read_file(path_), whole) << bytes;
    ASSERT_EQ(history.size(), kTrials);
    ASSERT_EQ(evaluated_ + resumed_, kTrials) << bytes;
    const bool known = cut.find('\n', cut.find("\"sensitivity\"")) != std::string::npos;
    ASSERT_EQ(sensitivities_, known ? 0u : 1u) << bytes;
  }
}

}  // namespace
}  // namespace inc::search
