#!/usr/bin/env bash
# Installs PyArrow and DuckDB, pinned in requirements.txt, into .tools/venv of the repository.
# Does nothing when they are there already: the key is the hash of the requirements and of this script.
# Without a Python for them it says so and fails in CI only, as the test that needs them does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../.." && pwd)/.tools/venv
key=$(cat "$here/requirements.txt" "$here/setup.sh" | cksum)

if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/key" 2>/dev/null)" = "$key" ]; then
  exit 0
fi

give_up() {
  echo "interop: $1; the check with PyArrow and DuckDB cannot run" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
}

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || give_up "no Python 3.11 or later with venv and pip"

rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
"$python" -m venv "$venv" || give_up "python -m venv failed"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
  -r "$here/requirements.txt" || give_up "pip install failed"
printf '%s\n' "$key" >"$venv/key"
