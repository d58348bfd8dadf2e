#include "runner/agent/installer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runner/agent/secret_texts.h"

namespace parallelrun::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(InstallCommandTest, OfPipAndOfUv) {
  InstallCommand command{"", "/v/bin/python3", {"a==1", "b"}, "", "", "/v.log"};
  EXPECT_THAT(argv_of(command), ElementsAre("/v/bin/python3", "-I", "-m", "pip", "install", "--log", "/v.log",
                                            "--disable-pip-version-check", "--no-input", "--", "a==1", "b"));
  command = {"/bin/uv", "/v/bin/python3", {}, "/src/r.txt", "/src/wheels", "/v.log"};
  EXPECT_THAT(argv_of(command),
              ElementsAre("/bin/uv", "pip", "install", "--python", "/v/bin/python3", "--color", "never",
                          "--index-strategy", "unsafe-best-match", "--compile-bytecode", "--no-index",
                          "--find-links", "/src/wheels", "--requirement", "/src/r.txt"));
}

TEST(UvSettingsTest, SayWhatPipIsTold) {
  const auto told = [](std::string_view settings, const std::vector<std::string>& environment = {}) {
    auto uv = uv_settings(settings, environment);
    if (!uv) return std::vector<std::string>{"unsupported " + uv.error().message};
    uv->variables.insert(uv->variables.end(), uv->options.begin(), uv->options.end());
    return uv->variables;
  };
  EXPECT_THAT(told(""), IsEmpty());
  // Of pip 23 to 25: by name, those of the environment first.
  EXPECT_THAT(told(":env:.extra-index-url='https://a/simple https://b/simple'\n"
                   ":env:.index-url='https://user:pw@index/simple'\n"
                   ":env:.no-index=''\n"
                   "download.platform='x'\n"
                   "global.find-links='\\n/one\\n/two'\n"
                   "global.index-url='https://other/simple'\n"
                   "global.timeout='60'\n"
                   "install.timeout='5'\n"
                   "global.progress-bar='off'\n"),
              ElementsAre("UV_INDEX=https://a/simple https://b/simple", "UV_FIND_LINKS=/one,/two",
                          "UV_DEFAULT_INDEX=https://user:pw@index/simple", "UV_HTTP_TIMEOUT=5"));
  EXPECT_THAT(told("global.no-index='1'\ninstall.pre='true'\n"),
              ElementsAre("UV_PRERELEASE=allow", "--no-index"));
  EXPECT_THAT(told("global.index-url='https://pip/simple'\n", {"UV_DEFAULT_INDEX=https://uv/simple"}),
              IsEmpty());
  EXPECT_THAT(told("global.no-binary=':all:'\n"), ElementsAre("unsupported no-binary"));
  EXPECT_THAT(told("global.cert='C:\\\\x'\n"), ElementsAre("unsupported cert"));
}

TEST(UvSettingsTest, WithoutPipItsVariablesCount) {
  EXPECT_EQ(pip_settings_of({"PATH=/bin", "PIP_INDEX_URL=https://a/simple", "PIP_NO_INDEX="}),
            ":env:.index-url='https://a/simple'\n:env:.no-index=''\n");
  const auto uv = uv_settings(pip_settings_of({"PIP_NO_INDEX=1", "PIP_FIND_LINKS=/a /b"}), {});
  ASSERT_TRUE(uv.ok());
  EXPECT_EQ(*uv, (UvSettings{{"UV_FIND_LINKS=/a,/b"}, {"--no-index"}}));
  EXPECT_FALSE(uv_settings(pip_settings_of({"PIP_NO_BINARY=:all:"}), {}).ok());
}

TEST(InstallReason, IsTheInstallersOwn) {
  EXPECT_EQ(install_reason(""), "");
  EXPECT_EQ(install_reason(
                "WARNING: x\nERROR: Could not find a\nERROR: No matching distribution found for b==7\nmore"),
            "ERROR: No matching distribution found for b==7");
  EXPECT_EQ(install_reason(
                "Using Python 3.11.7 environment at: v\n"
                "error: No solution found when resolving dependencies\n"
                "  cause: Because there is no version of b==7 and you require b==7, we can conclude that "
                "your requirements\n"
                "         are unsatisfiable.\n"),
            "error: No solution found when resolving dependencies cause: Because there is no version of b==7 "
            "and you "
            "require b==7, we can conclude that your requirements are unsatisfiable.");
  // Of 2024.
  EXPECT_EQ(install_reason("  \xc3\x97 No solution found when resolving dependencies:\n"
                           "  \xe2\x95\xb0\xe2\x94\x80\xe2\x96\xb6 Because b was not found\n"),
            "No solution found when resolving dependencies: Because b was not found");
  EXPECT_LT(install_reason("error: " + std::string(5000, 'x') + "\n" + std::string(5000, 'y')).size(), 6000U);
}

TEST(SecretTextsTest, StandInNoText) {
  SecretTexts secrets;
  secrets.add("https://bot:hunter22@index.example/t/0123456789/simple/ https://plain.example/simple/");
  secrets.add("abc");  // too short to be known again
  EXPECT_EQ(secrets.without("Looking in indexes: https://bot:****@index.example/t/0123456789/simple, abc"),
            "Looking in indexes: https://bot:****@index.example***, abc");
  EXPECT_EQ(secrets.without("get /t/0123456789/simple/numpy/ with hunter22 of plain.example/simple"),
            "get ***/numpy/ with *** of plain.example/simple");
  SecretTexts token;
  token.add("s3cr3t-token");
  EXPECT_EQ(token.without("git+https://s3cr3t-token@host/x s3cr3t-tokens3cr3t-token"),
            "git+https://***@host/x ******");
  EXPECT_EQ(SecretTexts().without("as it is"), "as it is");
}

}  // namespace
}  // namespace parallelrun::agent
