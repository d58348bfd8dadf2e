// Protocol messages: bytes that decode are those that encode() writes, and a message that is built of any
// values comes back whole. What is decoded is no larger than a small multiple of its bytes.
#include "runner/protocol/messages.h"

#include "runner/protocol/message_fields.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

template <typename Message>
void check_bytes(std::string_view body, Result<Message> (*decode)(std::string_view)) {
  const Result<Message> decoded = decode(body);
  if (!decoded) {
    HOLDS(decoded.error().code == ErrorCode::kCorrupt || decoded.error().code == ErrorCode::kUnsupported);
    return;
  }
  HOLDS(encode(*decoded) == body);
  // Every prefix is refused, for the end is part of the form.
  for (std::size_t size = body.size() > 64 ? body.size() - 64 : 0; size < body.size(); ++size) {
    HOLDS(!decode(body.substr(0, size)));
  }
}

template <typename Message>
void check_message(const Message& message, Result<Message> (*decode)(std::string_view)) {
  const std::string body = encode(message);
  const Result<Message> decoded = decode(body);
  HOLDS(decoded.ok());
  HOLDS(encode(*decoded) == body);
}

// Gives each field a value, whatever message it is of.
class Drawer {
 public:
  explicit Drawer(fuzz::Draw& draw) : draw_(draw) {}

  void operator()(bool& v) { v = draw_.flag(); }
  void operator()(std::uint32_t& v) { v = draw_.u32(); }
  void operator()(std::uint64_t& v) { v = draw_.u64(); }
  void operator()(std::int64_t& v) { v = draw_.extreme(); }
  void operator()(std::string& v) { v = draw_.string(); }
  void operator()(std::chrono::milliseconds& v) { v = std::chrono::milliseconds(draw_.u32()); }
  template <wire::Enumeration T>
  void operator()(T& v) {
    v = static_cast<T>(draw_.up_to(static_cast<std::size_t>(last_of(v))));
  }
  template <typename T>
  void operator()(std::vector<T>& elements) {
    for (std::size_t i = draw_.up_to(3); i > 0; --i) (*this)(elements.emplace_back());
  }
  template <typename T>
  void operator()(T& whole) {
    fields(*this, whole);
  }

 private:
  fuzz::Draw& draw_;
};

template <typename Message>
void check_drawn(fuzz::Draw& draw, Result<Message> (*decode)(std::string_view)) {
  Message message;
  Drawer drawer(draw);
  drawer(message);
  check_message(message, decode);
}

FUZZ_TARGET(messages) {
  fuzz::Draw draw(bytes);
  const std::uint8_t kind = draw.u8();
  const std::string_view body = bytes.substr(bytes.empty() ? 0 : 1);
  switch (kind % 7) {
    case 0:
      return check_bytes(body, &decode_register_request);
    case 1:
      return check_bytes(body, &decode_register_reply);
    case 2:
      return check_bytes(body, &decode_lease_request);
    case 3:
      return check_bytes(body, &decode_lease_reply);
    case 4:
      return check_bytes(body, &decode_report_request);
    case 5:
      return check_bytes(body, &decode_report_reply);
    default:
      check_drawn(draw, &decode_report_request);
      check_drawn(draw, &decode_lease_reply);
      return check_drawn(draw, &decode_register_reply);
  }
}

}  // namespace
}  // namespace parallelrun
