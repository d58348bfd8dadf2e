#include "runner/cli/shown.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>

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

// A column that is cut keeps so much, so that a number stays whole and a name can be told from others.
constexpr std::size_t kLeastCut = 10;
constexpr std::size_t kBetween = 2;

std::size_t total_of(const std::vector<std::size_t>& widths) {
  const std::size_t between = widths.empty() ? 0 : (widths.size() - 1) * kBetween;
  return std::accumulate(widths.begin(), widths.end(), between);
}

// Nothing: the columns do not fit, unless too little is left of them.
std::optional<std::vector<std::size_t>> fitting_widths(const std::vector<std::string>& heads,
                                                       const std::vector<std::vector<std::string>>& lines,
                                                       std::size_t columns) {
  std::vector<std::size_t> widths;
  std::vector<std::size_t> least;
  for (const std::string& head : heads) widths.push_back(width_of(head));
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  if (columns == 0 || widths.empty()) return widths;
  for (std::size_t i = 0; i < widths.size(); ++i)
    least.push_back(std::min(widths[i], std::max(kLeastCut, i < heads.size() ? width_of(heads[i]) : 0)));
  const auto over = [&] { return total_of(widths) - std::min(total_of(widths), columns); };
  // The last column is the one to be cut: a place, a message.
  widths.back() -= std::min(over(), widths.back() - least.back());
  while (over() > 0) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] > least[i] && (widest == widths.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == widths.size()) return std::nullopt;
    --widths[widest];
  }
  return widths;
}

// `heads`: what the cells are; none: no cell has a colour.
std::string row_text(const std::vector<std::string>& cells, const std::vector<std::string>& heads,
                     const std::vector<std::size_t>& widths, bool colours) {
  std::size_t last = cells.size();
  while (last > 0 && cells[last - 1].empty()) --last;
  std::string text;
  for (std::size_t i = 0; i < last; ++i) {
    const std::string cell = shortened(cells[i], widths[i]);
    const Colour colour = i < heads.size() ? colour_of_cell(heads[i], cells[i]) : Colour::kNone;
    text += painted(cell, colour, colours);
    if (i + 1 < last) text.append(widths[i] - width_of(cell) + kBetween, ' ');
  }
  return text + "\n";
}

std::string records(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& lines,
                    const Screen& screen) {
  std::size_t widest = 0;
  for (const std::string& head : heads) widest = std::max(widest, width_of(head));
  const std::size_t before = widest + kBetween;
  const std::size_t room = screen.columns > before + kLeastCut ? screen.columns - before : kLeastCut;
  std::string out;
  for (const auto& line : lines) {
    if (!out.empty()) out += "\n";
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i].empty()) continue;
      const std::string head = i < heads.size() ? heads[i] : std::string();
      out += head + std::string(before - width_of(head), ' ') +
             painted(shortened(line[i], room), colour_of_cell(head, line[i]), screen.colours) + "\n";
    }
  }
  return out;
}

}  // namespace

void add_form_option(CLI::App& verb, Form& form, const std::map<std::string, Form>& forms) {
  std::string words;
  for (const auto& [word, ignored] : forms) words += std::string(words.empty() ? "" : kBetweenForms) + word;
  verb.add_option_function<std::string>(
          "-o,--format",
          [&form, forms, words](const std::string& given) {
            // `-o=json`, as kubectl takes it too.
            const std::string word = given.substr(given.starts_with('=') ? 1 : 0);
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
                  const Screen& screen) {
  std::vector<std::vector<std::string>> lines;
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(presentable(cell));
  }
  const auto widths = fitting_widths(heads, lines, screen.columns);
  if (!widths) return records(heads, lines, screen);
  std::string out = heads.empty() ? std::string() : row_text(heads, {}, *widths, false);
  for (const auto& line : lines) out += row_text(line, heads, *widths, screen.colours);
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
  complain(message);
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
