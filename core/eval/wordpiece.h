#pragma once
// BERT's tokens: words and punctuation, then the longest pieces that the vocabulary has (Devlin et al., "BERT: Pre-training
// of Deep Bidirectional Transformers for Language Understanding", 2018).
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace inc::eval {

class WordPiece {
 public:
  /// `vocabulary`: a file with one piece a line, [PAD], [UNK], [CLS] and [SEP] among them. With `lower`, letters become
  /// small and lose their accents; letters beyond Latin Extended-A are left as they are. Throws DataError.
  WordPiece(const std::filesystem::path& vocabulary, bool lower);

  /// Of a text in UTF-8; wrong bytes count as unknown characters. A word of more than 100 characters is unknown.
  std::vector<std::int64_t> tokens(std::string_view text) const;
  std::int64_t pad() const noexcept { return pad_; }
  std::int64_t begin() const noexcept { return begin_; }
  std::int64_t separator() const noexcept { return separator_; }

 private:
  void add_pieces(const std::u32string& word, std::vector<std::int64_t>& out) const;

  std::unordered_map<std::string, std::int64_t> ids_;
  bool lower_;
  std::int64_t pad_ = 0, unknown_ = 0, begin_ = 0, separator_ = 0;
};

}  // namespace inc::eval
