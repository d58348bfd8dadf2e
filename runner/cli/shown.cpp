#include "runner/cli/shown.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "common/spec/yaml_text.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kCut = "...";
constexpr std::string_view kHowToPrint = "how to print it: ";
constexpr std::string_view kBetweenForms = ", ";

// Character cells, a character taken for one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

std::string shortened(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  const std::size_t kept = width - std::min(width, kCut.size());
  std::string out;
  for (std::size_t at = 0, cells = 0; at < text.size(); ++cells) {
    if (cells == kept) break;
    const std::size_t bytes = character_at(text, at).bytes;
    out += text.substr(at, bytes);
    at += bytes;
  }
  return out + std::string(kCut.substr(0, width));
}

}  // namespace

void add_form_option(CLI::App& verb, Form& form, const std::map<std::string, Form>& forms) {
  std::string words;
  for (const auto& [word, ignored] : forms) words += std::string(words.empty() ? "" : kBetweenForms) + word;
  verb.add_option_function<std::string>(
          "-o,--format",
          [&form, forms, words](const std::string& word) {
            const auto found = forms.find(word);
            if (found == forms.end())
              throw CLI::ValidationError("--format '" + word + "': use one of " + words);
            form = found->second;
          },
          std::string(kHowToPrint) + words)
      ->type_name("WORD");
}

std::vector<std::string> words_of_form_option(const CLI::Option& option) {
  std::string_view rest = option.get_description();
  if (!rest.starts_with(kHowToPrint)) return {};
  rest.remove_prefix(kHowToPrint.size());
  std::vector<std::string> words;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(kBetweenForms), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + kBetweenForms.size(), rest.size()));
  }
  return words;
}

std::string table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows,
                  std::size_t columns) {
  std::vector<std::vector<std::string>> lines;
  if (!heads.empty()) lines.push_back(heads);
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(presentable(cell));
  }
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    std::size_t used = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool last = i + 1 == line.size();
      const std::size_t room = columns > used ? columns - used : 0;
      const std::string cell = last && columns > 0 ? shortened(line[i], room) : line[i];
      text += cell;
      if (!last) text.append(widths[i] - width_of(cell) + 2, ' ');
      used += widths[i] + 2;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (const char c : cells[i]) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  return out + "\n";
}

std::string document_text(const ordered_json& document, Form form) {
  if (form != Form::kYaml) return document.dump(1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
  return yaml_text(document);
}

bool print(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

int refuse(const std::string& message, int code) {
  std::fprintf(stderr, "parallelrun: %s\n", presentable(message).c_str());
  return code;
}

std::string short_age(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 86400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

std::string short_size(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes);
  const char* unit = "kB";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    size /= 1024;
    unit = next;
    if (size < 1024) break;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

}  // namespace parallelrun
