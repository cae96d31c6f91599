#!/usr/bin/env bash
# Tests the Python client: pytest, mypy and pyright (strict), the example's own test.
#
#   clients/python/check.sh [pytest arguments]
#
# PYTHON and CLIENT_VENV are those of setup.sh, which it runs first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${CLIENT_VENV:-$root/.tools/python-client}
"$here/setup.sh"

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
