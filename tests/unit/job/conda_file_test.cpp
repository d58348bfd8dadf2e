#include "runner/job/conda_file.h"

#include <gmock/gmock.h>

namespace parallelrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CondaFileTest, PipPartPythonAndPackages) {
  const auto file = parse_conda_file(
      "name: project_environment\n"
      "channels: [anaconda, conda-forge]\n"
      "dependencies:\n"
      "- python=3.8.13\n"
      "- pip=22\n"
      "- conda-forge::NumPy=1.21\n"
      "- scikit_learn 1.0.*\n"
      "- pandas >=1.3, <2\n"
      "- tensorflow=2.4.1=gpu_py38h8a7d6ce_0\n"
      "- xz\n"
      "- pip:\n"
      "  - azureml-defaults~=1.47\n"
      "  - -r more.txt\n");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->python, (CondaPackage{"python=3.8.13", "python", "=3.8.13"}));
  EXPECT_THAT(file->pip, ElementsAre("azureml-defaults~=1.47", "-r more.txt"));
  EXPECT_THAT(file->packages,
              ElementsAre(CondaPackage{"conda-forge::NumPy=1.21", "numpy", "=1.21"},
                          CondaPackage{"scikit_learn 1.0.*", "scikit-learn", "==1.0.*"},
                          CondaPackage{"pandas >=1.3, <2", "pandas", ">=1.3,<2"},
                          CondaPackage{"tensorflow=2.4.1=gpu_py38h8a7d6ce_0", "tensorflow", "==2.4.1"},
                          CondaPackage{"xz", "xz", ""}));
}

TEST(CondaFileTest, WithoutPythonOrPip) {
  const auto file = parse_conda_file("dependencies: [numpy]\n");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->python.name, "");
  EXPECT_THAT(file->pip, IsEmpty());
}

TEST(CondaFileTest, WhatIsNoneIsNamed) {
  const auto problem = [](const char* text) {
    const auto file = parse_conda_file(text);
    return file.ok() ? "it was taken" : file.error().message;
  };
  EXPECT_THAT(problem("numpy==1.2\npandas\n"), HasSubstr("no list 'dependencies'"));
  EXPECT_THAT(problem("dependencies: numpy\n"), HasSubstr("no list 'dependencies'"));
  EXPECT_THAT(problem("dependencies: [3]\n"), HasSubstr("the number 3"));
  EXPECT_THAT(problem("dependencies: [{pip: numpy}]\n"), HasSubstr("'pip:' is not a list"));
  EXPECT_THAT(problem("dependencies: [{pip: [1.0]}]\n"), HasSubstr("an entry of 'pip:' is"));
  EXPECT_THAT(problem("dependencies: [{pip: ['a\\\n\n b']}]\n"), HasSubstr("contains a line break"));
  EXPECT_THAT(problem("dependencies: ['=1.2']\n"), HasSubstr("'=1.2' is not the name of a package"));
  EXPECT_THAT(problem("dependencies: [python, python=3.8]\n"), HasSubstr("names python twice"));
  EXPECT_THAT(problem("dependencies: []\nvariables: {A: b}\n"), HasSubstr("spec.environment.variables"));
  EXPECT_THAT(problem("a: b\n\tc: d\n"), HasSubstr("line "));
}

TEST(CondaFileTest, Versions) {
  for (const auto& [constraint, version] :
       std::vector<std::pair<const char*, const char*>>{{"", "3.11.2"},
                                                        {"=3.11", "3.11.2"},
                                                        {"=3.11.2", "3.11.2"},
                                                        {"==3.11.2", "3.11.2"},
                                                        {"==3.11.*", "3.11.2"},
                                                        {">=3.8,<3.12", "3.11.2"},
                                                        {"<3|>=3.11", "3.11.2"},
                                                        {"!=3.10", "3.11.2"},
                                                        {"=1.21", "1.21.0rc1"},
                                                        {"==1.21", "1.21.0"},
                                                        {"*", "1"},
                                                        {"3.11.*", "3.11.2"}}) {
    EXPECT_TRUE(conda_allows(constraint, version)) << constraint << " " << version;
  }
  for (const auto& [constraint, version] :
       std::vector<std::pair<const char*, const char*>>{{"=3.1", "3.11.2"},
                                                        {"==3.11", "3.11.2"},
                                                        {">=3.8,<3.11", "3.11.2"},
                                                        {"=3.11.*.2.9", "3.11.2"},
                                                        {"!=3.11.*", "3.11"},
                                                        {"~=3.11", "3.11.2"},
                                                        {"=x", "3.11.2"},
                                                        {"=3", "unknown"},
                                                        {">=3.12", "3.11.2"},
                                                        {"<=3.10", "3.11.2"},
                                                        {">3.11.2", "3.11.2"},
                                                        {"==99999999999999", "1"}}) {
    EXPECT_FALSE(conda_allows(constraint, version)) << constraint << " " << version;
  }
}

}  // namespace
}  // namespace parallelrun
