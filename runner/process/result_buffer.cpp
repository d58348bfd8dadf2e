#include "runner/process/result_buffer.h"

#include "runner/wire/wire.h"

namespace parallelrun::process {

void ResultBuffer::add(channel::Frame kind, std::string_view head, std::string_view body) {
  wire::Writer writer(bytes_);
  writer.u32(static_cast<std::uint32_t>(head.size() + body.size()));
  writer.u8(static_cast<std::uint8_t>(kind));
  bytes_.append(head).append(body);
}

void ResultBuffer::task_ended(std::uint64_t now_ns, std::uint64_t duration_ns) {
  short_tasks_ = duration_ns < rule_.short_task_ns ? short_tasks_ + 1 : 0;
  if (bytes_.empty()) held_since_ns_ = now_ns;
}

bool ResultBuffer::due(std::uint64_t now_ns) const {
  return !bytes_.empty() && (short_tasks_ < rule_.short_tasks || now_ns - held_since_ns_ > rule_.hold_ns);
}

void ResultBuffer::clear() {
  bytes_.clear();
  if (bytes_.capacity() > 4 * rule_.hold_bytes) bytes_.shrink_to_fit();
}

}  // namespace parallelrun::process
