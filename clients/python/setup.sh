#!/usr/bin/env bash
# Installs what the Python client is tested with: its pins go into a folder of their own, anew only when the
# pins, the interpreter or this script have changed.
#
# PYTHON names the interpreter (3.10 or later), CLIENT_VENV the folder; default: .tools/python-client of the
# repository.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${CLIENT_VENV:-$root/.tools/python-client}
python=${PYTHON:-python3}
key=$({ "$python" -VV; cat "$here/requirements-dev.txt" "${BASH_SOURCE[0]}"; } | cksum)

if [ ! -x "$venv/bin/python" ] || [ "$(cat "$venv/key" 2>/dev/null)" != "$key" ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed")'
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-dev.txt"
  printf '%s\n' "$key" >"$venv/key"
fi
