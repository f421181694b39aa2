#include "core/eval/wordpiece.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file.h"

namespace inc::eval {
namespace {

constexpr std::size_t kLongestWord = 100;
constexpr char32_t kReplacement = 0xFFFD;

/// Of U+00C0 … U+017F: the small letter without accents, '=' where there is no other, '+' where it is the next one, '>'
/// where it is 32 further.
constexpr char kLatin[] =
    "aaaaaa>ceeeeiiii>nooooo=>uuuuy>=aaaaaa=ceeeeiiii=nooooo==uuuuy=y"
    "aaaaaaccccccccdd+=eeeeeeeeeegggggggghh+=iiiiiiiii=+=jjkk=llllll+"
    "=+=nnnnnn=+=oooooo+=rrrrrrsssssssstttt+=uuuuuuuuuuuuwwyyyzzzzzz=";

/// One character of UTF-8 and its bytes; kReplacement for bytes that are none.
std::pair<char32_t, std::size_t> decoded(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {kReplacement, 1};
  char32_t value = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return {kReplacement, 1};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  return {value, length};
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

bool within(char32_t c, char32_t low, char32_t high) {
  return c >= low && c <= high;
}

bool is_space(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0 || c == 0x1680 || within(c, 0x2000, 0x200A) ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_dropped(char32_t c) {
  return c < 0x20 || within(c, 0x7F, 0x9F) || c == 0xAD || within(c, 0x200B, 0x200F) || within(c, 0x202A, 0x202E) ||
         within(c, 0x2060, 0x2064) || c == 0xFEFF || c == kReplacement;
}

bool is_punctuation(char32_t c) {
  return within(c, 33, 47) || within(c, 58, 64) || within(c, 91, 96) || within(c, 123, 126) || c == 0xA1 || c == 0xA7 ||
         c == 0xAB || c == 0xB6 || c == 0xB7 || c == 0xBB || c == 0xBF || within(c, 0x2010, 0x2027) ||
         within(c, 0x2030, 0x205E) || within(c, 0x3001, 0x3003) || within(c, 0x3008, 0x3011) || within(c, 0xFF01, 0xFF0F);
}

bool stands_alone(char32_t c) {
  return is_punctuation(c) || within(c, 0x4E00, 0x9FFF) || within(c, 0x3400, 0x4DBF) || within(c, 0xF900, 0xFAFF) ||
         within(c, 0x20000, 0x2FA1F);
}

/// Nothing for a combining accent.
char32_t small(char32_t c) {
  if (within(c, 'A', 'Z')) return c + 32;
  if (within(c, 0x300, 0x36F)) return 0;
  if (!within(c, 0xC0, 0x17F)) return c;
  const char to = kLatin[c - 0xC0];
  return to == '=' ? c : to == '+' ? c + 1 : to == '>' ? c + 32 : static_cast<char32_t>(to);
}

std::string encoded(const std::u32string& text) {
  std::string out;
  for (const char32_t c : text) append(out, c);
  return out;
}

}  // namespace

WordPiece::WordPiece(const std::filesystem::path& vocabulary, bool lower) : lower_(lower) {
  const std::string text = read_file(vocabulary);
  std::int64_t line = 0;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string piece = text.substr(begin, end - begin);
    if (piece.ends_with('\r')) piece.pop_back();
    ids_.emplace(std::move(piece), line);
    begin = end + 1;
  }
  const auto id_of = [&](const char* piece) {
    const auto found = ids_.find(piece);
    if (found == ids_.end())
      throw DataError(fmt::format("vocabulary '{}' is not BERT's: no {} found among {} pieces, one expected",
                                  vocabulary.string(), piece, ids_.size()));
    return found->second;
  };
  pad_ = id_of("[PAD]");
  unknown_ = id_of("[UNK]");
  begin_ = id_of("[CLS]");
  separator_ = id_of("[SEP]");
}

void WordPiece::add_pieces(const std::u32string& word, std::vector<std::int64_t>& out) const {
  const std::size_t before = out.size();
  for (std::size_t begin = 0; begin < word.size() && word.size() <= kLongestWord;) {
    std::size_t end = word.size();
    auto found = ids_.end();
    for (; end > begin; --end) {
      found = ids_.find((begin > 0 ? "##" : "") + encoded(word.substr(begin, end - begin)));
      if (found != ids_.end()) break;
    }
    if (found == ids_.end()) {
      out.resize(before);
      break;
    }
    out.push_back(found->second);
    begin = end;
  }
  if (out.size() == before) out.push_back(unknown_);
}

std::vector<std::int64_t> WordPiece::tokens(std::string_view text) const {
  std::vector<std::int64_t> out;
  std::u32string word;
  const auto end_word = [&] {
    if (!word.empty()) add_pieces(word, out);
    word.clear();
  };
  while (!text.empty()) {
    const auto [raw, bytes] = decoded(text);
    text.remove_prefix(bytes);
    if (is_space(raw)) {
      end_word();
      continue;
    }
    if (is_dropped(raw)) continue;
    const char32_t c = lower_ ? small(raw) : raw;
    if (c == 0) continue;
    if (!stands_alone(c)) {
      word += c;
      continue;
    }
    end_word();
    add_pieces(std::u32string(1, c), out);
  }
  end_word();
  return out;
}

}  // namespace inc::eval
