#!/usr/bin/env bash
# Tests the Python client: pytest, mypy and pyright (strict), the example's own test.
#
#   clients/python/check.sh [pytest arguments]
#
# PYTHON names the interpreter (3.10 or later), CLIENT_VENV where its packages go; default: .tools/python-client
# of the repository. They are installed anew only when the pins, the interpreter or this script have changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${CLIENT_VENV:-$root/.tools/python-client}
python=${PYTHON:-python3}
key=$({ "$python" -VV; cat "$here/requirements-dev.txt" "${BASH_SOURCE[0]}"; } | cksum)

if [ ! -x "$venv/bin/python" ] || [ "$(cat "$venv/key" 2>/dev/null)" != "$key" ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "check.sh: Python 3.10 or later is needed")'
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-dev.txt"
  printf '%s\n' "$key" >"$venv/key"
fi

cd "$here"
"$venv/bin/python" -m pytest -p no:cacheprovider "$@"
(cd "$root/examples/fastapi" &&
  PYTHONPATH="$here/src" "$venv/bin/python" -m pytest -q -p no:cacheprovider -c /dev/null --rootdir .)
"$venv/bin/python" -m mypy --cache-dir "$venv/mypy"

# pyright comes from npm, pinned in package-lock.json.
if command -v npm >/dev/null; then
  mkdir -p "$venv/pyright"
  if ! cmp -s package-lock.json "$venv/pyright/package-lock.json"; then
    cp package.json package-lock.json .npmrc "$venv/pyright/"
    npm --prefix "$venv/pyright" ci --silent --no-audit --no-fund ||
      { rm "$venv/pyright/package-lock.json"; exit 1; }
  fi
  "$venv/pyright/node_modules/.bin/pyright" --pythonpath "$venv/bin/python"
else
  echo "check.sh: no npm, so pyright did not run" >&2
  [ "${CI:-}" != true ]
fi
