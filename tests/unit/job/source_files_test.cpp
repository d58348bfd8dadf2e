#include "runner/job/source_files.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "runner/job/ignore_rules.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using testing::ElementsAre;

std::vector<std::string> names(const SourceOptions& options, bool code) {
  const auto listing = list_source(options);
  EXPECT_TRUE(listing.ok());
  std::vector<std::string> found;
  for (const auto& file : listing->files) {
    if (file.code == code) found.push_back(file.name);
  }
  return found;
}

TEST(SourceFiles, CodeOthersAndWhatIsNeverLookedAt) {
  TemporaryDirectory root;
  for (const char* name : {"entry.py", "pack/a.pyi", "n.so", "table.csv", "model.bin", "notes.ipynb",
                           "run.log", ".git/config", "__pycache__/a.pyc", "venv/pyvenv.cfg", "venv/lib/x.py",
                           "node_modules/m/i.py", "out/r.py", "sub/b.log"}) {
    root.write(name);
  }
  const SourceOptions options{root.path(), {"out"}, {}};
  EXPECT_THAT(names(options, true), ElementsAre("entry.py", "n.so", "pack/a.pyi"));
  EXPECT_THAT(names(options, false), ElementsAre("model.bin", "table.csv"));
  root.write(".amlignore", "*.bin\n");
  root.write(".parallelrunignore", "# generated\npack/\n*.so\n!n.so\n");
  EXPECT_THAT(names(options, true), ElementsAre("entry.py", "n.so"));
  EXPECT_THAT(names(options, false), ElementsAre("table.csv"));
}

TEST(SourceFiles, LinksAreFollowedAndNotBack) {
  TemporaryDirectory root;
  root.write("..data/sub/mod.py");
  std::filesystem::create_symlink("..data/sub", root / "sub");
  std::filesystem::create_symlink(".", root / "loop");
  std::filesystem::create_symlink("gone", root / "gone.py");
  TemporaryDirectory data;  // much, perhaps
  data.write("x.py");
  std::filesystem::create_symlink(data.path(), root / "data");
  EXPECT_THAT(names({root.path(), {}, {}}, true), ElementsAre("sub/mod.py"));
}

TEST(SourceFiles, RequirementsAreCodeWithWhatTheyInclude) {
  TemporaryDirectory root;
  root.write("src/requirements.txt",
             "-r deps/base.txt # shared\n--constraint=limits.txt\nnumpy==1.0\n./localpkg[extra] ; "
             "python_version > '3'\n"
             "-e ../beside\n./wheels/y.whl\nother @ file://" +
                 (root / "src/wheels/x.whl") + "\n");
  root.write("src/deps/base.txt", "-r \\\n  more.txt\n");
  for (const char* name :
       {"src/deps/more.txt", "src/limits.txt", "src/localpkg/setup.cfg", "src/localpkg/build/a.py",
        "src/localpkg/p.egg-info/PKG-INFO", "src/localpkg/p/data.bin", "beside/setup.py", "src/wheels/x.whl",
        "src/wheels/y.whl", "src/unrelated.txt", "src/entry.py"}) {
    root.write(name);
  }
  SourceOptions options{root / "src", {}, {}};
  options.requirements = requirement_files(root / "src", {{}, root / "src/requirements.txt"});
  EXPECT_THAT(names(options, true),
              ElementsAre("../beside/setup.py", "deps/base.txt", "deps/more.txt", "entry.py", "limits.txt",
                          "localpkg/p/data.bin", "localpkg/setup.cfg", "requirements.txt", "wheels/y.whl"));
  EXPECT_THAT(names(options, false), ElementsAre("unrelated.txt", "wheels/x.whl"));
  EXPECT_THAT(requirement_files(root / "src", {{"./localpkg", "pandas"}, ""}).directories,
              ElementsAre(root / "src/localpkg"));
}

TEST(SourceFiles, ContentFollowsEveryFileThatPipReads) {
  TemporaryDirectory root;
  root.write("requirements.txt", "-r base.txt\n-c limits.txt\n./localpkg\n");
  root.write("localpkg/setup.py", "1");
  root.write("base.txt", "a==1");
  root.write("limits.txt", "b<2");
  const auto content = [&] {
    const auto found = content_of(requirement_files(root.path(), {{}, root / "requirements.txt"}));
    return found.ok() ? *found : "error: " + found.error().message;
  };
  std::string before = content();
  EXPECT_EQ(content(), before);
  for (const char* name : {"base.txt", "limits.txt", "localpkg/setup.py"}) {
    root.write(name, "changed");
    EXPECT_NE(content(), before) << name;
    before = content();
  }
  root.write("beside.txt", "x");
  root.write("localpkg/build/lib/setup.py", "made by pip");
  EXPECT_EQ(content(), before);
}

TEST(IgnoreRules, AsGitHasThem) {
  const IgnoreRules rules(
      "*.tmp\n!keep.tmp\n/top.py\nsub/x.py\ncache/\n**/deep/**\n\\#odd\na{1}.py\n  \n# c\n");
  const auto file = [&](const char* path) { return rules.leaves_out(path, false); };
  EXPECT_TRUE(file("a.tmp"));
  EXPECT_TRUE(file("d/e/a.tmp"));
  EXPECT_FALSE(file("d/keep.tmp"));
  EXPECT_TRUE(file("top.py"));
  EXPECT_FALSE(file("d/top.py"));
  EXPECT_TRUE(file("sub/x.py"));
  EXPECT_FALSE(file("d/sub/x.py"));
  EXPECT_FALSE(file("cache"));
  EXPECT_TRUE(rules.leaves_out("d/cache", true));
  EXPECT_TRUE(file("a/deep/b/c"));
  EXPECT_TRUE(file("#odd"));
  EXPECT_TRUE(file("a{1}.py"));
  EXPECT_FALSE(file("a1.py"));
  EXPECT_FALSE(file("c"));
}

}  // namespace
}  // namespace parallelrun
