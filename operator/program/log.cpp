#include "operator/program/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <string>
#include <utility>

#include "common/json/json.h"
#include "common/text/presentable.h"

namespace parallelrun::op {
namespace {

// The message as a JSON string.
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& to) override {
    const std::string text(message.payload.data(), message.payload.size());
    const std::string quoted = nlohmann::json(without_credentials(text))
                                   .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    to.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<QuotedMessage>(); }
};

// The message in one line, with nothing in it that steers a terminal.
class PresentableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& to) override {
    const std::string text = presentable({message.payload.data(), message.payload.size()});
    to.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PresentableMessage>();
  }
};

}  // namespace

std::shared_ptr<spdlog::logger> make_log(const std::string& level, LogFormat format) {
  auto log = std::make_shared<spdlog::logger>("operator", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::kJson) {
    formatter->add_flag<QuotedMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  } else {
    formatter->add_flag<PresentableMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %*");
  }
  log->set_formatter(std::move(formatter));
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::trace);
  return log;
}

}  // namespace parallelrun::op
