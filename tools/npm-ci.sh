#!/usr/bin/env bash
# Installs the pinned packages of a folder with npm, if its lock file or Node has
# changed since the last time.
#
#   tools/npm-ci.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../$1"

if ! command -v node >/dev/null || ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
  echo "$1 needs Node 20 or later with npm" >&2
  exit 1
fi
key=$({ node --version; cat package.json package-lock.json; } | cksum)
if [ "$(cat node_modules/.key 2>/dev/null)" = "$key" ]; then
  exit 0
fi
npm ci --no-audit --no-fund --loglevel=error
printf '%s\n' "$key" >node_modules/.key
