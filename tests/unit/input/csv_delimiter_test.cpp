#include "runner/input/csv_delimiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using testing::HasSubstr;

TEST(LikelierDelimiter, IsAnotherUsualOneOfAHeaderInOnePiece) {
  struct Case {
    const char* header;
    char delimiter;
    std::optional<char> likelier;
  };
  const Case cases[] = {
      {"id;name;age\n", ',', ';'},
      {"id\tname\r\n", ',', '\t'},
      {"id|name", ',', '|'},
      {"id,name", ';', ','},
      {"a;b;c|d", ',', ';'},
      {"\"id\";\"full; name\"\n", ',', ';'},
      // Several fields, or one by all of them.
      {"id,name;age", ',', std::nullopt},
      {"id\n", ',', std::nullopt},
      {"", ',', std::nullopt},
      {"\"a;b\"\n", ',', std::nullopt},
      {"height, in metres\n", ';', std::nullopt},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.header);
    EXPECT_EQ(likelier_delimiter(one.header, one.delimiter), one.likelier);
  }
}

FileSlice slice(const std::string& path, const std::string& header) {
  FileSlice made;
  made.path = path;
  made.header = header;
  return made;
}

TEST(DelimiterWarning, NamesInputHeaderAndWayOut) {
  Input input;
  input.name = "table";
  const auto warning = delimiter_warning(input, {slice("/a.csv.gz", ""), slice("/b.csv", "id;name\r\n")});
  ASSERT_TRUE(warning);
  EXPECT_THAT(*warning, HasSubstr("input 'table' has one column, 'id;name', because ',' separates nothing"));
  EXPECT_THAT(*warning, HasSubstr("If ';' separates the fields, set it as the input's delimiter"));
  EXPECT_THAT(*warning, HasSubstr("'/b.csv'"));
}

TEST(DelimiterWarning, WhereFilesDisagreeThereIsNone) {
  const Input input;
  EXPECT_FALSE(delimiter_warning(input, {}));
  EXPECT_FALSE(delimiter_warning(input, {slice("/a.csv.gz", "")}));
  EXPECT_FALSE(delimiter_warning(input, {slice("/a", "a;b\n"), slice("/b", "a,b\n")}));
  EXPECT_FALSE(delimiter_warning(input, {slice("/a", "a;b\n"), slice("/b", "a\tb\n")}));
  EXPECT_FALSE(delimiter_warning(input, {slice("/a", "a;b\n"), slice("/b", "a\n")}));
}

}  // namespace
}  // namespace parallelrun
