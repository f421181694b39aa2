#pragma once
// inc::Session as Python sees it.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bind.h"

namespace inc::python {

class BoundSession {
 public:
  BoundSession(Session session, int threads)
      : session_(std::make_shared<const Session>(std::move(session))), threads_(threads) {}

  /// Throws ConfigError after end().
  const Session& session() const;
  /// What it runs on is about to go.
  void end() noexcept { session_.reset(); }
  int threads() const noexcept { return threads_; }
  /// Feeds by name; the wanted outputs in their order, all of them for nullopt.
  py::list run(const std::optional<std::vector<std::string>>& wanted, const py::dict& feeds) const;

 private:
  std::shared_ptr<const Session> session_;
  int threads_;
};

}  // namespace inc::python
