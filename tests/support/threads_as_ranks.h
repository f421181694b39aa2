#pragma once
// Ranks of one process: each is a thread.
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/ranks.h"

namespace inc::testing {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : said_(static_cast<std::size_t>(size)) {}

  /// Runs body(ranks) once per rank at the same time; returns what each threw, by rank.
  std::vector<std::exception_ptr> run(const std::function<void(const Ranks&)>& body) {
    std::vector<std::exception_ptr> thrown(said_.size());
    std::vector<std::thread> threads;
    for (std::size_t r = 0; r < said_.size(); ++r)
      threads.emplace_back([&, r] {
        try {
          body(One(*this, static_cast<int>(r)));
        } catch (...) {
          thrown[r] = std::current_exception();
        }
      });
    for (auto& thread : threads) thread.join();
    return thrown;
  }

 private:
  class One : public Ranks {
   public:
    One(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const noexcept override { return rank_; }
    int size() const noexcept override { return static_cast<int>(all_.said_.size()); }
    std::string broadcast(std::string bytes) const override { return all_gather(std::move(bytes)).front(); }
    std::vector<std::string> all_gather(std::string bytes) const override { return all_.gather(rank_, std::move(bytes)); }

   private:
    ThreadRanks& all_;
    int rank_;
  };

  std::vector<std::string> gather(int rank, std::string bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !leaving_; });
    said_[static_cast<std::size_t>(rank)] = std::move(bytes);
    if (++inside_ == said_.size()) leaving_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return leaving_; });
    std::vector<std::string> out = said_;
    if (--inside_ == 0) leaving_ = false;
    changed_.notify_all();
    return out;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_;
  std::size_t inside_ = 0;
  bool leaving_ = false;
};

}  // namespace inc::testing
