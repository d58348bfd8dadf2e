#include "runner/input/keyed_batch.h"

#include "runner/wire/fields.h"

namespace parallelrun {

static constexpr KeyedBatch::Place last_of(KeyedBatch::Place /*any*/) { return KeyedBatch::Place::kGroups; }

static void fields(auto& visit, wire::Is<KeyedBatch::Key> auto& key) {
  visit(key.name);
  visit(key.column);
  visit(key.type);
  visit(key.missing);
  visit(key.text);
}

static void fields(auto& visit, wire::Is<KeyedBatch> auto& batch) {
  visit(batch.keys);
  visit(batch.place);
  visit(batch.pieces);
  visit(batch.origins_offset);
  visit(batch.origins_length);
}

std::string encode(const KeyedBatch& batch) {
  std::string out;
  out.reserve(1 + wire::size_of(batch));
  wire::Writer writer(out);
  wire::Encoder encoder(writer);
  encoder(static_cast<std::uint8_t>(DescriptorKind::kKeyed));
  encoder(batch);
  return out;
}

Result<KeyedBatch> decode_keyed_batch(std::string_view descriptor) {
  wire::Decoder decoder(descriptor);
  std::uint8_t kind = 0;
  decoder(kind);
  if (kind != static_cast<std::uint8_t>(DescriptorKind::kKeyed))
    return corrupt_descriptor("it has no partition keys");
  KeyedBatch batch;
  decoder(batch);
  if (const char* problem = decoder.problem()) return corrupt_descriptor(std::string("it ") + problem);
  if (batch.keys.empty() || batch.pieces.empty()) return corrupt_descriptor("it has no key or no piece");
  return batch;
}

bool is_keyed_batch(std::string_view descriptor) {
  return descriptor.starts_with(static_cast<char>(DescriptorKind::kKeyed));
}

KeyTexts canonical_keys(const KeyedBatch& batch) {
  KeyTexts texts;
  std::vector<KeyType> types;
  for (const KeyedBatch::Key& key : batch.keys) {
    texts.push_back(key.missing ? KeyText() : KeyText(key.text));
    types.push_back(key.type);
  }
  return canonical_keys(texts, types);
}

}  // namespace parallelrun
