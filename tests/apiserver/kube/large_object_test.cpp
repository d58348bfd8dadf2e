// Objects as large as the server takes them, and with fields that nobody here knows.
#include "api_server_fixture.h"

namespace parallelrun::kube {
namespace {

const Resource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions", false};
const Resource kThings{"tests.parallelrun.dev", "v1", "things"};

class ObjectTest : public ApiServerTest {
 protected:
  void SetUp() override {
    ApiServerTest::SetUp();
    const json schema = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
    const auto made =
        client_->create(kDefinitions, {},
                        {{"apiVersion", "apiextensions.k8s.io/v1"},
                         {"kind", "CustomResourceDefinition"},
                         {"metadata", {{"name", "things.tests.parallelrun.dev"}}},
                         {"spec",
                          {{"group", "tests.parallelrun.dev"},
                           {"scope", "Namespaced"},
                           {"names", {{"plural", "things"}, {"singular", "thing"}, {"kind", "Thing"}}},
                           {"versions",
                            {{{"name", "v1"},
                              {"served", true},
                              {"storage", true},
                              {"schema", {{"openAPIV3Schema", schema}}}}}}}}},
                        "test", KubeClient::Answer::kObject, stop_);
    ASSERT_TRUE(made.ok() || made.error().failure == ApiFailure::kAlreadyExists) << made.error().message;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!create_thing("probe", 1).ok() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(50ms);
    }
  }
  static json thing(const std::string& name, const json& content) {
    return {{"apiVersion", "tests.parallelrun.dev/v1"},
            {"kind", "Thing"},
            {"metadata", {{"name", name}}},
            {"content", content}};
  }
  ApiResult<json> create_thing(const std::string& name, const json& content) {
    return client_->create(kThings, {name_space_, "", ""}, thing(name, content), "test",
                           KubeClient::Answer::kObject, stop_);
  }
};

TEST_F(ObjectTest, TheLargestConfigMap) {
  constexpr std::size_t kLargest = 1 << 20;  // the API's bound for the values of `data`
  Running running(*client_, options());
  ASSERT_TRUE(running.sees([&] { return running.informer.synced(); }));
  const auto made = create("largest", std::string(kLargest, 'x'));
  ASSERT_TRUE(made.ok()) << made.error().message;
  ASSERT_TRUE(running.sees([&] { return running.informer.find({name_space_, "largest"}).has_value(); }));
  EXPECT_EQ(running.informer.find({name_space_, "largest"})->body.unpack().at("data"), made->at("data"));
  const auto larger = create("larger", std::string(kLargest + 1, 'x'));
  ASSERT_FALSE(larger.ok());
  EXPECT_EQ(larger.error().failure, ApiFailure::kInvalid) << larger.error().message;
}

TEST_F(ObjectTest, TheLargestOneOfAll) {
  // etcd takes requests of 1.5 MiB.
  const std::string text(1'500'000, 'x');
  Informer::Options own = options();
  own.resource = kThings;
  Running running(*client_, own);
  ASSERT_TRUE(running.sees([&] { return running.informer.synced(); }));
  const auto made = create_thing("largest", text);
  ASSERT_TRUE(made.ok()) << made.error().message;
  ASSERT_TRUE(running.sees([&] { return running.informer.find({name_space_, "largest"}).has_value(); }));
  EXPECT_EQ(running.informer.find({name_space_, "largest"})->body.unpack(), made.value());
}

TEST_F(ObjectTest, TooLargeIsForGood) {
  for (const std::size_t size : {1'700'000, 4'000'000}) {
    const auto refused = create_thing("too-large", std::string(size, 'x'));
    ASSERT_FALSE(refused.ok());
    EXPECT_FALSE(refused.error().transient()) << refused.error().status << " " << refused.error().message;
  }
}

TEST_F(ObjectTest, UnknownFieldsAndNumbersStay) {
  const json content = json::parse(R"({
    "large": 9007199254740993, "negative": -9223372036854775808, "fraction": 0.1, "null": null, "empty": {}, "list": [[], {}, ""],
    "text": "\u0000\u00e4\ud83d\ude00\n\"", "deep": {"a": {"b": {"c": [1, 2, {"d": false}]}}}})");
  const auto made = create_thing("odd", content);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->at("content"), content);
  Informer::Options own = options();
  own.resource = kThings;
  Running running(*client_, own);
  ASSERT_TRUE(running.sees([&] { return running.informer.find({name_space_, "odd"}).has_value(); }));
  EXPECT_EQ(running.informer.find({name_space_, "odd"})->body.unpack(), made.value());
  // By a watch as well, and what was written by somebody else goes along when the whole is replaced.
  json changed = running.informer.find({name_space_, "odd"})->body.unpack();
  changed["more"] = {{"x", 1.5}};
  const auto replaced = client_->replace(kThings, {name_space_, "odd", ""}, changed, "test", stop_);
  ASSERT_TRUE(replaced.ok()) << replaced.error().message;
  ASSERT_TRUE(running.sees([&] {
    return running.informer.find({name_space_, "odd"})->resource_version ==
           replaced->at("metadata").at("resourceVersion").get<std::string>();
  }));
  EXPECT_EQ(running.informer.find({name_space_, "odd"})->body.unpack(), replaced.value());
  EXPECT_EQ(replaced->at("content"), content);
}

}  // namespace
}  // namespace parallelrun::kube
