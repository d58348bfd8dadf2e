#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"

namespace parallelrun {
namespace {

struct Word {
  std::string text;
  std::string about;  // one line
};

struct VerbWords {
  Word verb;
  std::vector<Word> options;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<Word> options_of(const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames())
      words.push_back({"-" + name, first_line(option->get_description())});
    for (const std::string& name : option->get_lnames())
      words.push_back({"--" + name, first_line(option->get_description())});
  }
  return words;
}

// Those of the usual group: what `run` or the operator starts is in one of its own.
std::vector<VerbWords> verbs_of(const CLI::App& program) {
  const std::string usual = program.get_subcommand("run")->get_group();
  std::vector<VerbWords> verbs;
  for (const CLI::App* verb :
       program.get_subcommands([&usual](const CLI::App* app) { return app->get_group() == usual; }))
    verbs.push_back({{verb->get_name(), first_line(verb->get_description())}, options_of(*verb)});
  return verbs;
}

std::string joined(const std::vector<Word>& words) {
  std::string out;
  for (const Word& word : words) out += (out.empty() ? "" : " ") + word.text;
  return out;
}

// In single quotes for a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string for_bash(const std::vector<VerbWords>& verbs) {
  std::string names;
  std::string cases;
  for (const VerbWords& verb : verbs) {
    names += (names.empty() ? "" : " ") + verb.verb.text;
    cases += fmt::format("    {}) words=\"{}\" ;;\n", verb.verb.text, joined(verb.options));
  }
  return fmt::format(R"(# bash completion of parallelrun:  source <(parallelrun completion bash)
_parallelrun() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=""
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  # bash cuts words at '=' and ':'; the program gets them as they are typed.
  local line="${{COMP_LINE:0:COMP_POINT}}" typed=() word directive=0 cut=""
  read -r -a typed <<<"$line"
  [[ $line == *[[:space:]] ]] && typed+=("")
  word="${{typed[${{#typed[@]}}-1]}}"
  [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && cut="${{word%"${{word##*=}}"}}"
  while IFS=$'\t' read -r word _; do
    case $word in
      :[0-9]*) directive=${{word#:}} ;;
      *) COMPREPLY+=("${{word#"$cut"}}") ;;
    esac
  done < <("${{COMP_WORDS[0]}}" __complete "${{typed[@]:1}}" 2>/dev/null)
  # The numbers are those of cobra: 2 no space behind the word, 4 no files.
  (( directive & 2 )) && compopt -o nospace 2>/dev/null
  if (( directive & 4 )); then
    # readline quotes only names of files.
    for word in "${{!COMPREPLY[@]}}"; do printf -v "COMPREPLY[$word]" %q "${{COMPREPLY[$word]}}"; done
    return
  fi
  compopt -o filenames 2>/dev/null
  if [[ ${{#COMPREPLY[@]}} -eq 0 ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -F _parallelrun parallelrun
)",
                     names, cases);
}

std::string for_zsh(const std::vector<VerbWords>& verbs) {
  // A colon ends the word of _describe, and brackets the text of _arguments.
  const auto described = [](const Word& word) {
    std::string about;
    for (const char c : word.about) about += c == ':' ? std::string("\\:") : std::string(1, c);
    return quoted(word.text + ":" + about);
  };
  std::string names;
  std::string cases;
  for (const VerbWords& verb : verbs) {
    names += "    " + described(verb.verb) + "\n";
    std::string options;
    for (const Word& option : verb.options) options += " " + described(option);
    cases +=
        fmt::format("    {}) options=({}) ;;\n", verb.verb.text, options.substr(options.empty() ? 0 : 1));
  }
  return fmt::format(R"(#compdef parallelrun
# zsh completion of parallelrun:  source <(parallelrun completion zsh)
_parallelrun() {{
  local -a verbs options
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  case "$words[2]" in
{}  esac
  if [[ "$words[CURRENT]" == -* ]]; then
    _describe -o 'option' options
    return
  fi
  local -a found
  local directive
  found=("${{(@f)$($words[1] __complete "${{(@)words[2,CURRENT]}}" 2>/dev/null)}}")
  # As cobra has it: 2 no space behind the word, 4 no files.
  directive=${{${{(M)found:#:*}}#:}}
  found=("${{(@)${{(@)found:#:*}}%%$'\t'*}}")
  found=(${{found:#}})
  if (( $#found )); then
    if (( ${{directive:-0}} & 2 )); then
      compadd -S '' -a found
    else
      compadd -a found
    fi
  elif (( !(${{directive:-0}} & 4) )); then
    _files
  fi
}}
compdef _parallelrun parallelrun
)",
                     names, cases);
}

std::string for_fish(const std::vector<VerbWords>& verbs) {
  std::string out = "# fish completion of parallelrun:  parallelrun completion fish | source\n";
  std::string names;
  for (const VerbWords& verb : verbs) {
    names += (names.empty() ? "" : " ") + verb.verb.text;
    out += fmt::format("complete -c parallelrun -n __fish_use_subcommand -f -a {} -d {}\n", verb.verb.text,
                       quoted(verb.verb.about));
    for (const Word& option : verb.options) {
      const bool is_long = option.text.starts_with("--");
      out += fmt::format("complete -c parallelrun -n '__fish_seen_subcommand_from {}' {} {} -d {}\n",
                         verb.verb.text, is_long ? "-l" : "-s", option.text.substr(is_long ? 2 : 1),
                         quoted(option.about));
    }
  }
  out += fmt::format(
      "complete -c parallelrun -n '__fish_seen_subcommand_from {}' -a '(parallelrun __complete "
      "(commandline -opc)[2..-1] (commandline -ct) 2>/dev/null | string match -v \":*\")'\n",
      names);
  return out;
}

// kubectl runs the file kubectl_complete-PLUGIN of the PATH with the words behind the plugin's name.
std::string for_kubectl() {
  return "#!/bin/sh\n"
         "# kubectl completion of parallelrun: as kubectl_complete-parallelrun on the PATH, executable\n"
         "exec kubectl-parallelrun __complete \"$@\"\n";
}

int run(const CLI::App& program, const std::string& shell) {
  const std::vector<VerbWords> verbs = verbs_of(program);
  const std::string text = shell == "bash"   ? for_bash(verbs)
                           : shell == "zsh"  ? for_zsh(verbs)
                           : shell == "fish" ? for_fish(verbs)
                                             : for_kubectl();
  return print(text) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_completion(CLI::App& program) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* verb =
      program.add_subcommand("completion", "a script that lets a shell complete verbs, options and jobs");
  verb->add_option("SHELL", *shell, "bash, zsh, fish; or kubectl, for the plugin")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "kubectl"}));
  verb->footer("Example: source <(parallelrun completion bash)");
  return {verb, [&program, shell] { return run(program, *shell); }};
}

}  // namespace parallelrun
