#include "runner/agent/installer.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "runner/agent/command.h"

namespace parallelrun::agent {
namespace {

constexpr std::size_t kLongestReason = 1000;

// --- pip's settings ---

struct Translation {
  std::string_view pip;
  std::string_view uv;  // empty: there is nothing to tell
  enum class Kind { kText, kSpaces, kCommas, kSwitch, kOption } kind = Kind::kText;
  std::string_view value = "1";  // of a switch that is on
};

using Kind = Translation::Kind;
constexpr std::array<Translation, 29> kTranslations = {{
    {"index-url", "UV_DEFAULT_INDEX"},
    {"extra-index-url", "UV_INDEX", Kind::kSpaces},
    {"no-index", "--no-index", Kind::kOption},
    {"find-links", "UV_FIND_LINKS", Kind::kCommas},
    {"trusted-host", "UV_INSECURE_HOST", Kind::kSpaces},
    {"cert", "SSL_CERT_FILE"},
    {"timeout", "UV_HTTP_TIMEOUT"},
    {"default-timeout", "UV_HTTP_TIMEOUT"},
    {"retries", "UV_HTTP_RETRIES"},
    {"constraint", "UV_CONSTRAINT", Kind::kSpaces},
    {"no-cache-dir", "UV_NO_CACHE", Kind::kSwitch},
    {"pre", "UV_PRERELEASE", Kind::kSwitch, "allow"},
    {"cache-dir", ""},
    {"config-file", ""},
    {"disable-pip-version-check", ""},
    {"no-input", ""},
    {"progress-bar", ""},
    {"quiet", ""},
    {"verbose", ""},
    {"log", ""},
    {"log-file", ""},
    {"no-color", ""},
    {"no-python-version-warning", ""},
    {"no-warn-script-location", ""},
    {"no-warn-conflicts", ""},
    {"root-user-action", ""},
    {"require-virtualenv", ""},
    {"break-system-packages", ""},
    {"no-compile", ""},
}};

bool is_on(std::string_view value) {
  return !value.empty() && value != "0" && value != "false" && value != "False" && value != "no" &&
         value != "off";
}

// Words of a text, with `separator` between them.
std::string joined(std::string_view text, char separator) {
  std::string out;
  constexpr std::string_view kSpaces = " \t\r\n";
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return out;
    const std::size_t end = std::min(text.find_first_of(kSpaces, begin), text.size());
    if (!out.empty()) out += separator;
    out += text.substr(begin, end - begin);
    text.remove_prefix(end);
  }
}

// The text of a Python string: 'it', without quotes and with its line breaks. Nothing: it has other escapes.
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') || text.back() != text.front())
    return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    if (++at >= text.size() || text[at] != 'n') return std::nullopt;
    out += '\n';
  }
  return out;
}

struct Setting {
  int rank = 0;
  std::string value;
};

// ":env:.index-url='x'" wins over "install.index-url='x'", and that one over "global.index-url='x'".
Result<std::map<std::string, Setting>> settings_of(std::string_view text) {
  std::map<std::string, Setting> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    const std::size_t dot = line.substr(0, equals).find('.');
    if (equals == std::string_view::npos || dot == std::string_view::npos) continue;
    const std::string_view section = line.substr(0, dot);
    const int rank = section == ":env:" ? 3 : section == "install" ? 2 : section == "global" ? 1 : 0;
    if (rank == 0) continue;  // of another command
    const std::string name(line.substr(dot + 1, equals - dot - 1));
    auto value = unquoted(line.substr(equals + 1));
    if (!value) return Error{ErrorCode::kUnsupported, name, false};
    Setting& setting = out[name];
    if (rank >= setting.rank) setting = {rank, std::move(*value)};
  }
  return out;
}

// --- what was said ---

// Lines without uv's drawing, "  × No solution found" and "  ╰─▶ Because ..." of earlier versions among them.
std::string plain(std::string_view line) {
  std::string out;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const auto byte = static_cast<unsigned char>(line[at]);
    if (byte == 0xc3 && at + 1 < line.size() && static_cast<unsigned char>(line[at + 1]) == 0x97) {
      ++at;  // the sign of multiplication
    } else if (byte == 0xe2 && at + 2 < line.size() && static_cast<unsigned char>(line[at + 1]) >= 0x94 &&
               static_cast<unsigned char>(line[at + 1]) <= 0x96) {
      at += 2;  // U+2500 to U+25BF: boxes and arrows
    } else {
      out += line[at];
    }
  }
  const std::size_t begin = out.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return out.substr(begin, out.find_last_not_of(" \t\r") + 1 - begin);
}

bool begins_uv_error(std::string_view line) {
  return line.starts_with("error: ") || line.find("\xc3\x97 ") == 2;  // "  × "
}

}  // namespace

std::vector<std::string> argv_of(const InstallCommand& command) {
  std::vector<std::string> argv;
  if (!command.uv.empty()) {
    // As pip has it: the best version of all indexes; and .pyc files, which many processes are going to read.
    argv = {command.uv, "pip",   "install",          "--python",          command.python,
            "--color",  "never", "--index-strategy", "unsafe-best-match", "--compile-bytecode"};
  } else {
    // -I: the command runs in the source directory, where a script's optparse.py must not be Python's.
    argv = {command.python, "-I", "-m", "pip", "install", "--log", command.log, "--disable-pip-version-check",
            "--no-input"};
  }
  if (!command.wheels.empty()) {
    argv.insert(argv.end(), {"--no-index", "--find-links", command.wheels});
  } else {
    argv.insert(argv.end(), command.uv_options.begin(), command.uv_options.end());
  }
  if (!command.requirements_file.empty()) {
    argv.insert(argv.end(), {"--requirement", command.requirements_file});
  }
  if (!command.requirements.empty()) argv.emplace_back("--");
  argv.insert(argv.end(), command.requirements.begin(), command.requirements.end());
  return argv;
}

Result<UvSettings> uv_settings(std::string_view settings, const std::vector<std::string>& environment) {
  auto told = settings_of(settings);
  if (!told) return told.error();
  UvSettings out;
  for (const auto& [name, setting] : *told) {
    const auto* found = std::find_if(kTranslations.begin(), kTranslations.end(),
                                     [&](const Translation& one) { return one.pip == name; });
    if (found == kTranslations.end()) return Error{ErrorCode::kUnsupported, name, false};
    if (found->uv.empty() || !variable(environment, found->uv).empty()) continue;
    std::string value;
    switch (found->kind) {
      case Kind::kText:
        value = setting.value;
        break;
      case Kind::kSpaces:
        value = joined(setting.value, ' ');
        break;
      case Kind::kCommas:
        value = joined(setting.value, ',');
        break;
      case Kind::kSwitch:
        if (is_on(setting.value)) value = found->value;
        break;
      case Kind::kOption:
        if (is_on(setting.value)) out.options.emplace_back(found->uv);
        break;
    }
    if (!value.empty()) out.variables.push_back(std::string(found->uv) + "=" + value);
  }
  return out;
}

std::string pip_settings_of(const std::vector<std::string>& environment) {
  std::string out;
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("PIP_") || equals == std::string::npos) continue;
    out += ":env:.";
    for (const char c : entry.substr(4, equals - 4)) {
      out += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    out += "='" + entry.substr(equals + 1) + "'\n";
  }
  return out;
}

std::string install_reason(std::string_view output) {
  std::string pip;
  std::string uv;
  bool in_uv = false;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    const std::string_view line = output.substr(0, end);
    output.remove_prefix(std::min(end + 1, output.size()));
    if (line.starts_with("ERROR: ")) pip = line;
    if (begins_uv_error(line)) {
      in_uv = true;
      uv.clear();
    }
    if (!in_uv || uv.size() > kLongestReason) continue;
    const std::string words = plain(line);
    if (!words.empty()) uv += (uv.empty() ? "" : " ") + words;
  }
  return uv.empty() ? pip : uv;
}

}  // namespace parallelrun::agent
