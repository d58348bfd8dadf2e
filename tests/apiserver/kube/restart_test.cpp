// A server that goes away and comes back, and that has forgotten what happened long ago.
#include "api_server_fixture.h"

namespace parallelrun::kube {
namespace {

class RestartTest : public ApiServerTest {
 protected:
  static void restart_server() {
    const std::string command = "'" + variable("PARALLELRUN_APISERVER_PROGRAM") + "' restart --dir '" +
                                variable("PARALLELRUN_APISERVER") + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): our own program
  }
  // Throws the history of etcd away up to `version`.
  void compact(const std::string& version) const {
    const json settings = json::parse(content(variable("PARALLELRUN_APISERVER") + "/apiserver.json"));
    const auto etcd = make_http_transport({settings.at("etcd").get<std::string>(), "", false, "", ""},
                                          std::make_shared<FixedCredential>(Credential{}), {});
    Request request;
    request.method = "POST";
    request.path = "/v3/kv/compaction";
    request.body = json{{"revision", version}, {"physical", true}}.dump();
    const auto answer = etcd->send(request, {});
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_EQ(answer->status, 200) << answer->body;
  }
  // What comes of asking a server that has just started again, once it is past its first moments: connections
  // of before are broken, and it may ask for patience until its caches are filled.
  template <typename Ask>
  static auto settled(Ask ask) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      auto answer = ask();
      if (answer.ok() || !answer.error().transient() || std::chrono::steady_clock::now() > end) return answer;
      std::this_thread::sleep_for(100ms);
    }
  }
  std::string version_of(const ApiResult<json>& object) const {
    return object->at("metadata").at("resourceVersion").get<std::string>();
  }
};

TEST_F(RestartTest, AnInformerGoesOnAfterARestart) {
  ASSERT_TRUE(create("before").ok());
  Running running(*client_, options());
  ASSERT_TRUE(running.sees([&] { return running.size() == 1; }));
  restart_server();
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!create("after").ok() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(running.sees([&] { return running.informer.find({name_space_, "after"}).has_value(); }));
  EXPECT_TRUE(running.sees([&] { return !running.informer.last_error().has_value(); }));
}

TEST_F(RestartTest, AWatchFromBeforeTheHistoryIsGone) {
  const auto first = create("first");
  ASSERT_TRUE(first.ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(create("later-" + std::to_string(i)).ok());
  compact(version_of(create("last")));
  restart_server();  // with its cache of events
  std::string line;
  const auto end = settled([&] {
    return client_->watch(
        kConfigMaps, name_space_, {}, version_of(first), 30s, {},
        [&](std::string_view text) {
          line = text;
          return false;
        },
        stop_);
  });
  // As a status, or as the first event of a watch that was accepted: both are in use.
  const bool gone =
      end.ok() ? json::parse(line).at("object").at("code") == 410 : end.error().failure == ApiFailure::kGone;
  EXPECT_TRUE(gone) << line << (end.ok() ? "" : end.error().message);
  WatchState::Options ours;
  ours.random = [] { return 0.0; };
  WatchState state(ours);
  (void)state.next(Time());
  (void)state.on_page(Time(),
                      {{"metadata", {{"resourceVersion", version_of(first)}}}, {"items", json::array()}});
  if (end.ok()) {
    (void)state.on_line(Time(), line);
    state.on_watch_ended(Time(), std::nullopt);
  } else {
    state.on_watch_ended(Time(), end.error());
  }
  EXPECT_TRUE(std::holds_alternative<WatchState::List>(state.next(Time())))
      << "a 410 is followed by a list at once";
}

TEST_F(RestartTest, AListWhosePagesExpireBeginsAgain) {
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(create(name).ok());
  const auto page = client_->list_page(kConfigMaps, name_space_, {}, 2, "", stop_);
  ASSERT_TRUE(page.ok()) << page.error().message;
  const std::string more = page->at("metadata").at("continue");
  compact(version_of(create("e")));
  restart_server();
  const auto expired =
      settled([&] { return client_->list_page(kConfigMaps, name_space_, {}, 2, more, stop_); });
  ASSERT_FALSE(expired.ok());
  EXPECT_EQ(expired.error().failure, ApiFailure::kGone) << expired.error().message;

  // The informer, in the same place, starts with the first page again and has everything in the end.
  WatchState::Options ours;
  ours.random = [] { return 0.0; };
  WatchState state(ours);
  (void)state.next(Time());
  EXPECT_TRUE(state.on_page(Time(), page.value()).empty());
  ASSERT_TRUE(std::holds_alternative<WatchState::List>(state.next(Time())));
  state.on_list_failed(Time(), expired.error());
  const auto again = state.next(Time());
  ASSERT_TRUE(std::holds_alternative<WatchState::List>(again));
  EXPECT_EQ(std::get<WatchState::List>(again).continue_token, "");
}

}  // namespace
}  // namespace parallelrun::kube
