#include "core/base/ranks.h"

#include "core/base/pack.h"

namespace inc {
namespace {

struct Kind {
  const char* name;
  bool (*is)(const Error&);
  void (*raise)(const std::string& text, const std::vector<std::string>& notes);
};

template <class T>
constexpr Kind kind(const char* name) {
  return {name, [](const Error& error) { return dynamic_cast<const T*>(&error) != nullptr; },
          [](const std::string& text, const std::vector<std::string>& notes) {
            T error(text);
            for (const auto& note : notes) error.note(note);
            throw error;
          }};
}

/// The most special first.
constexpr Kind kKinds[] = {kind<UnsupportedError>("unsupported"), kind<ModelError>("model"),
                           kind<ConfigError>("config"),           kind<DataError>("data"),
                           kind<BackendError>("backend"),         kind<InternalError>("internal")};

}  // namespace

bool Ranks::agree(bool mine) const {
  return several() ? broadcast(mine ? "1" : "") == "1" : mine;
}

bool Ranks::any(bool mine) const {
  if (!several()) return mine;
  bool out = false;
  for (const auto& said : all_gather(mine ? "1" : "")) out = out || said == "1";
  return out;
}

const Ranks& alone() noexcept {
  static const Ranks one;
  return one;
}

Piece Piece::of(const std::function<std::string()>& work) {
  Piece piece;
  try {
    piece.text_ = work();
  } catch (const Error& error) {
    piece.text_ = error.what();
    piece.notes_ = error.notes();
    for (const Kind& kind : kKinds)
      if (piece.kind_.empty() && kind.is(error)) piece.kind_ = kind.name;
    if (piece.kind_.empty()) throw;
  }
  return piece;
}

std::string Piece::take() && {
  for (const Kind& kind : kKinds)
    if (kind_ == kind.name) kind.raise(text_, notes_);
  return std::move(text_);
}

std::vector<Piece> share_out(const Ranks& ranks, std::int64_t count, const std::function<std::string(std::int64_t)>& work) {
  std::vector<Piece> mine;
  for (std::int64_t i = ranks.rank(); i < count; i += ranks.size()) mine.push_back(Piece::of([&] { return work(i); }));
  if (!ranks.several()) return mine;
  std::vector<std::vector<Piece>> all;
  for (const std::string& bytes : ranks.all_gather(packed(mine))) unpack(bytes, all.emplace_back());
  std::vector<Piece> out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    out.push_back(std::move(all[i % all.size()][i / all.size()]));
  return out;
}

void together(const Ranks& ranks, const std::function<void()>& work) {
  if (!ranks.several()) return work();
  const Piece mine = Piece::of([&] { return work(), std::string(); });
  for (const std::string& bytes : ranks.all_gather(packed(mine))) {
    Piece piece;
    unpack(bytes, piece);
    std::move(piece).take();
  }
}

}  // namespace inc
