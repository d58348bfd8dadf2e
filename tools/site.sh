#!/usr/bin/env bash
# usage: tools/site.sh [--check] [--serve]
# Builds the documentation site of docs/ into build/site; a warning is an error. --check also looks at what was built: nothing
# of it asks another machine for anything, and no Markdown is left in it. --serve shows it on 127.0.0.1:8000 while you write.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/venv.sh site tools/site/requirements.txt
python=build/venvs/site/bin/python
# Material prints an advertisement for another program otherwise.
export NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true
case ${1:-} in
  --serve) exec "$python" -m mkdocs serve --dev-addr 127.0.0.1:8000 ;;
  --check | '')
    # With --quiet MkDocs would count no warnings.
    said=$("$python" -m mkdocs build --strict --clean 2>&1) || { grep -v '^INFO ' <<<"$said" >&2; exit 1; }
    ;;
  *) echo "tools/site.sh: unknown option '$1'; use --check or --serve" >&2; exit 2 ;;
esac
if [[ ${1:-} == --check ]]; then "$python" tools/site/check.py build/site; fi
printf 'site: %s pages in build/site; open build/site/index.html, or serve it: %s\n' \
  "$(find build/site -name '*.html' | wc -l)" "$python -m http.server --bind 127.0.0.1 --directory build/site"
