#pragma once
// Several processes that work on one job, each of which runs the same code on the same inputs. They talk only through
// these calls, which all of them make in the same order; what a call gives is the same everywhere.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace inc {

class Ranks {
 public:
  virtual ~Ranks() = default;
  /// 0 .. size() - 1. Rank 0 decides, measures time, writes files and talks to people.
  virtual int rank() const noexcept { return 0; }
  virtual int size() const noexcept { return 1; }
  /// What rank 0 gives; what others give is not looked at.
  virtual std::string broadcast(std::string bytes) const { return bytes; }
  /// What each rank gives, by rank.
  virtual std::vector<std::string> all_gather(std::string bytes) const { return {std::move(bytes)}; }

  bool first() const noexcept { return rank() == 0; }
  bool several() const noexcept { return size() > 1; }
  /// What rank 0 says.
  bool agree(bool mine) const;
  /// Whether any rank says so.
  bool any(bool mine) const;
};

/// One process.
const Ranks& alone() noexcept;

/// What came of a piece of work: bytes, or an Error.
class Piece {
 public:
  static Piece of(const std::function<std::string()>& work);
  /// The bytes; throws the error, of the same class, with message and notes as they were.
  std::string take() &&;
  template <class Archive>
  void pass(Archive& archive) {
    archive(kind_, text_, notes_);
  }

 private:
  std::string kind_, text_;  ///< kind: empty for bytes, otherwise the error's class
  std::vector<std::string> notes_;
};

/// `count` pieces of work, in order; piece i is done by rank i modulo size, and all ranks get them all.
std::vector<Piece> share_out(const Ranks& ranks, std::int64_t count, const std::function<std::string(std::int64_t)>& work);

/// Work that every rank does for itself. An Error of any of them is thrown by all, of several that of the lowest rank.
void together(const Ranks& ranks, const std::function<void()>& work);

}  // namespace inc
