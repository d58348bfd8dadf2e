#include "runner/output/arrow_schema.h"

#include <cstdint>
#include <optional>

#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::uint32_t kContinuation = 0xFFFFFFFFU;
constexpr std::size_t kAlignment = 8;
constexpr std::uint16_t kVersion5 = 4;  // of MetadataVersion
constexpr std::uint8_t kSchemaHeader = 1;

// Reads a FlatBuffer, of which it trusts nothing: past its end everything is absent.
class Buffer {
 public:
  explicit Buffer(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::size_t> root() const { return follow(0); }
  // Where the field of a table lies.
  std::optional<std::size_t> field(std::size_t table, std::size_t id) const {
    const auto back = u32(table);
    if (!back) return std::nullopt;
    const std::int64_t vtable = static_cast<std::int64_t>(table) - static_cast<std::int32_t>(*back);
    if (vtable < 0 || vtable > static_cast<std::int64_t>(bytes_.size())) return std::nullopt;
    const auto at = static_cast<std::size_t>(vtable);
    const auto size = u16(at);
    const std::size_t entry = 4 + 2 * id;
    if (!size || entry + 2 > *size) return std::nullopt;
    const auto offset = u16(at + entry);
    if (!offset || *offset == 0) return std::nullopt;
    return table + *offset;
  }
  // To what the offset there refers.
  std::optional<std::size_t> follow(std::size_t at) const {
    const auto offset = u32(at);
    if (!offset || *offset == 0 || *offset > bytes_.size() - at) return std::nullopt;
    return at + *offset;
  }
  std::optional<std::uint32_t> u32(std::size_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < 4) return std::nullopt;
    return wire::Reader(bytes_.substr(at, 4)).u32();
  }

 private:
  std::optional<std::uint16_t> u16(std::size_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < 2) return std::nullopt;
    return wire::Reader(bytes_.substr(at, 2)).u16();
  }

  std::string_view bytes_;
};

// The FlatBuffer of a message.
std::optional<std::string_view> buffer_of(std::string_view message) {
  wire::Reader reader(message);
  const bool continued = reader.u32() == kContinuation;
  const std::uint32_t size = reader.u32();
  if (!reader.ok() || !continued || size > reader.rest().size()) return std::nullopt;
  return reader.rest().substr(0, size);
}

// Message: 2 header. Schema: 1 fields.
std::optional<std::size_t> place_of_field(std::string_view bytes, std::size_t number) {
  const Buffer buffer(bytes);
  const auto message = buffer.root();
  if (!message) return std::nullopt;
  const auto header = buffer.field(*message, 2);
  const auto schema = header ? buffer.follow(*header) : std::nullopt;
  if (!schema) return std::nullopt;
  const auto reference = buffer.field(*schema, 1);
  const auto fields = reference ? buffer.follow(*reference) : std::nullopt;
  if (!fields) return std::nullopt;
  const auto count = buffer.u32(*fields);
  if (!count || number >= *count || *count > bytes.size() / 4) return std::nullopt;
  return buffer.follow(*fields + 4 + 4 * number);
}

void pad(std::string& out) { out.resize((out.size() + kAlignment - 1) / kAlignment * kAlignment, '\0'); }

// A reference at `at` to what is about to be appended.
void refer(std::string& out, std::size_t at, std::size_t to) {
  std::string reference;
  wire::Writer(reference).u32(static_cast<std::uint32_t>(to - at));
  out.replace(at, reference.size(), reference);
}

void append_text(std::string& out, std::string_view text) {
  wire::Writer(out).bytes(text);
  out += '\0';
  pad(out);
}

// A list of one KeyValue.
void append_pandas(std::string& out, const std::string& pandas) {
  wire::Writer writer(out);
  writer.u32(1);
  writer.u32(12);  // behind the table of its fields' places
  for (const std::uint32_t entry : {8U, 12U, 4U, 8U}) writer.u16(static_cast<std::uint16_t>(entry));
  const std::size_t table = out.size();
  writer.u32(8);
  writer.u64(0);  // key and value
  pad(out);
  refer(out, table + 4, out.size());
  append_text(out, "pandas");
  refer(out, table + 8, out.size());
  append_text(out, pandas);
}

Error broken_schema() {
  return Error{
      ErrorCode::kCorrupt,
      "output.format is parquet, but an agent sent rows without a schema of Arrow. Use the same version "
      "for agents and orchestrator"};
}

}  // namespace

Result<std::string> compose_arrow_schema(const std::vector<std::string>& messages,
                                         const std::vector<ArrowField>& fields, const std::string& pandas) {
  // Message and Schema, each behind the table of its fields' places, then the references to the fields.
  constexpr std::uint32_t kMessage = 16;      // where the table lies
  constexpr std::uint32_t kMessageSize = 24;  // bytes: distance, header, body length, version, kind
  constexpr std::uint32_t kSchemaTable = kMessage + kMessageSize;
  constexpr std::uint32_t kSchema = kSchemaTable + 12;
  constexpr std::uint32_t kSchemaSize = 12;  // distance, fields, metadata
  constexpr std::uint32_t kFields = kSchema + kSchemaSize;
  std::string out;
  wire::Writer writer(out);
  writer.u32(kMessage);
  for (const std::uint32_t entry : {12U, kMessageSize, 16U, 18U, 4U, 8U})
    writer.u16(static_cast<std::uint16_t>(entry));  // at 4: version, kind, header, body length
  writer.u32(kMessage - 4);
  writer.u32(kSchema - (kMessage + 4));
  writer.u64(0);
  writer.u16(kVersion5);
  writer.u8(kSchemaHeader);
  out.resize(kSchemaTable, '\0');
  for (const std::uint32_t entry : {10U, kSchemaSize, 0U, 4U, pandas.empty() ? 0U : 8U, 0U})
    writer.u16(static_cast<std::uint16_t>(entry));
  writer.u32(kSchema - kSchemaTable);
  writer.u32(kFields - (kSchema + 4));
  writer.u32(0);
  writer.u32(static_cast<std::uint32_t>(fields.size()));
  const std::size_t references = out.size();
  out.resize(references + 4 * fields.size(), '\0');

  if (!pandas.empty()) {
    pad(out);
    refer(out, kSchema + 8, out.size());
    append_pandas(out, pandas);
  }
  std::vector<std::size_t> begins;
  std::vector<std::string_view> buffers;
  for (const std::string& message : messages) {
    const auto buffer = buffer_of(message);
    if (!buffer) return broken_schema();
    pad(out);
    begins.push_back(out.size());
    buffers.push_back(*buffer);
    out += *buffer;
  }
  pad(out);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto place = place_of_field(buffers.at(fields[i].schema), fields[i].field);
    if (!place) return broken_schema();
    refer(out, references + 4 * i, begins[fields[i].schema] + *place);
  }
  std::string framed;
  wire::Writer frame(framed);
  frame.u32(kContinuation);
  frame.u32(static_cast<std::uint32_t>(out.size()));
  return framed + out;
}

}  // namespace parallelrun
