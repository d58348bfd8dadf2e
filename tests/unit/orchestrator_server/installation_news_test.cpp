#include "runner/orchestrator/server/installation_news.h"

#include <gtest/gtest.h>

namespace parallelrun::orchestrator {
namespace {

using std::chrono::seconds;

AgentView agent(const char* name) {
  AgentView view;
  view.name = name;
  return view;
}

LogChunk said(const char* text) { return {"sys/node/127.0.0.1/environment.txt", text}; }

TEST(InstallationNews, IsTheLastLineOfEachFiveSeconds) {
  InstallationNews news;
  InstallationNews::Time now{};
  EXPECT_EQ(news.told_by(agent("a"), {"user/stdout/127.0.0.1/process000.stdout.txt", "Collecting x\n"}, now),
            std::nullopt);
  EXPECT_EQ(news.told_by(agent("a"), said("python 3.11.2 of /usr/bin/python3, embedded launcher\n"), now),
            std::nullopt);
  EXPECT_EQ(news.told_by(agent("a"), said("$ python3 -m venv x\n"), now), "a installs requirements");
  EXPECT_EQ(news.told_by(agent("a"), said("Collecting x\n"), now + seconds(4)), std::nullopt);
  EXPECT_EQ(news.told_by(agent("b"), said("Collecting x\n  Downloading x.whl (3 MB)\nother words\n"),
                         now + seconds(5)),
            "b installs requirements: Downloading x.whl (3 MB)");
  EXPECT_EQ(news.told_by(agent("a"), said("installed with pip in 3.0 s\n"), now + seconds(6)), std::nullopt)
      << "of a thousand agents, only some are told of";
  EXPECT_EQ(news.told_by(agent("b"), said("Installing collected packages: x\ninstalled with pip in 4.0 s\n"),
                         now + seconds(6)),
            "b has its requirements: installed with pip in 4.0 s");
}

}  // namespace
}  // namespace parallelrun::orchestrator
