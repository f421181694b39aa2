#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/factory.h"
#include "core/eval/wordpiece.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\nun\n##aff\n##able\n##s\n,\n!\nruns\nelan\n世\nThe\nnaive\n¿\n";
//   0      1      2      3     4    5   6    7      8      9  10 11  12   13   14  15   16   17

class Glue : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    write_file_atomically(folder_ / "vocab.txt", kVocabulary);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::int64_t> tokens(const std::string& text, bool lower = true) const {
    return WordPiece(folder_ / "vocab.txt", lower).tokens(text);
  }
  std::unique_ptr<const Dataset> data(const std::string& parameters) const {
    const auto config = config::read_config_text(
        "evaluation: {accuracy: {dataloader: {dataset: {GLUE: {data_dir: ., "
        "model_name_or_path: ., " +
            parameters + "}}}}}",
        folder_ / "c.yaml");
    return make_dataset(*config.evaluation->accuracy->dataloader, folder_);
  }
  std::string refusal(const std::string& parameters) const {
    try {
      data(parameters);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }

  const fs::path folder_ = fs::temp_directory_path() / ("inc_glue_" + std::to_string(::getpid()));
};

std::vector<std::int64_t> values(const ir::Tensor& tensor) {
  const auto span = tensor.values<std::int64_t>();
  return {span.begin(), span.end()};
}

TEST_F(Glue, WordsAreCutIntoTheLongestPieces) {
  EXPECT_THAT(tokens("the cats"), ElementsAre(4, 5, 9));
  EXPECT_THAT(tokens("unaffable"), ElementsAre(6, 7, 8));
}

TEST_F(Glue, AWordThatDoesNotComeOutIsUnknownAsAWhole) {
  EXPECT_THAT(tokens("unaffablex cat"), ElementsAre(1, 5));
  EXPECT_THAT(tokens(std::string(101, 's')), ElementsAre(1));
}

TEST_F(Glue, PunctuationAndIdeogramsStandAlone) {
  EXPECT_THAT(tokens("cat,the!"), ElementsAre(5, 10, 4, 11));
  EXPECT_THAT(tokens("¿cat世cat"), ElementsAre(17, 5, 14, 5));
}

TEST_F(Glue, LettersBecomeSmallAndLoseTheirAccentsUnlessTheyStay) {
  EXPECT_THAT(tokens("THE Élan NAÏVE nai\xcc\x88ve"), ElementsAre(4, 13, 16, 16));
  EXPECT_THAT(tokens("The the", false), ElementsAre(15, 4));
  EXPECT_THAT(tokens("Élan", false), ElementsAre(1));
}

TEST_F(Glue, SpacesAndControlsAreNoTokens) {
  EXPECT_THAT(tokens(" \tthe\xc2\xa0\x01 cat\n\xff"), ElementsAre(4, 5));
  EXPECT_THAT(tokens(""), ElementsAre());
}

TEST_F(Glue, APairIsJoinedPaddedAndMasked) {
  write_file_atomically(folder_ / "dev.tsv", "Quality\ta\tb\tc\td\n1\t10\t11\tthe cat\truns!\n0\t1\t2\tcat\tcat\n");
  const auto glue = data("task: mrpc, max_seq_length: 9");
  EXPECT_EQ(glue->size(), 2);
  const Sample sample = glue->get(0);
  ASSERT_EQ(sample.inputs.size(), 3u);
  EXPECT_THAT(values(sample.inputs[0]), ElementsAre(2, 4, 5, 3, 12, 11, 3, 0, 0));
  EXPECT_THAT(values(sample.inputs[1]), ElementsAre(1, 1, 1, 1, 1, 1, 1, 0, 0));
  EXPECT_THAT(values(sample.inputs[2]), ElementsAre(0, 0, 0, 0, 1, 1, 1, 0, 0));
  EXPECT_EQ(values(sample.label).front(), 1);
  EXPECT_EQ(data("task: mrpc, model_type: distilbert")->get(0).inputs.size(), 2u);
}

TEST_F(Glue, TheLongerSentenceIsCutFirst) {
  write_file_atomically(folder_ / "dev.tsv", "h\n1\t.\t.\tthe the the the the\tcat cat\n");
  EXPECT_THAT(values(data("task: mrpc, max_seq_length: 7")->get(0).inputs[0]), ElementsAre(2, 4, 4, 3, 5, 5, 3));
}

TEST_F(Glue, SingleSentencesAndNamedClassesAreRead) {
  write_file_atomically(folder_ / "dev.tsv", "sentence\tlabel\r\nthe cat\t1\r\n");
  EXPECT_THAT(values(data("task: sst-2, max_seq_length: 5")->get(0).inputs[0]), ElementsAre(2, 4, 5, 3, 0));
  write_file_atomically(folder_ / "dev.tsv", "i\ta\tb\tlabel\n0\tthe\tcat\tnot_entailment\n");
  EXPECT_EQ(values(data("task: rte")->get(0).label).front(), 1);
  write_file_atomically(folder_ / "train.tsv", "id\t0\t*\tcat\n");
  EXPECT_EQ(data("task: cola, evaluate: False")->size(), 1);
}

TEST_F(Glue, ScoresAreNumbers) {
  write_file_atomically(folder_ / "dev.tsv", "h\n0\t1\t2\t3\t4\t5\t6\tthe\tcat\t3.25\n");
  EXPECT_EQ(data("task: sts-b")->get(0).label.values<float>()[0], 3.25f);
}

TEST_F(Glue, FaultsNameTheLineAndWhatWasExpected) {
  write_file_atomically(folder_ / "dev.tsv", "h\n1\t2\n");
  EXPECT_THAT(refusal("task: mrpc"), HasSubstr("dev.tsv:2: 2 columns found, at least 5 expected for mrpc"));
  write_file_atomically(folder_ / "dev.tsv", "h\nyes\t.\t.\ta\tb\n");
  EXPECT_THAT(refusal("task: mrpc"), HasSubstr("dev.tsv:2: 'yes' is no label of mrpc: a number from 0 expected"));
  EXPECT_THAT(refusal("task: sts"), HasSubstr("task of data set GLUE"));
  EXPECT_THAT(refusal("task: mrpc, dynamic_length: True"), HasSubstr("padded to max_seq_length"));
  write_file_atomically(folder_ / "dev.tsv", "h\n1\t.\t.\ta\tb\n");
  write_file_atomically(folder_ / "vocab.txt", "the\n[PAD]\n");
  EXPECT_THAT(refusal("task: mrpc"), HasSubstr("no [UNK] found among 2 pieces"));
}

}  // namespace
}  // namespace inc::eval
