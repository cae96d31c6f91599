#!/usr/bin/env bash
# Installs what Go tests need of Python, pinned, each into a folder of its own below .tools/ of the repository:
# PyArrow and DuckDB (testenv/interop), moto's server (testenv/cloudwatch); with the argument athena, in place of
# them, the clients of Amazon Athena (testenv/athenaclients), in their newest releases and in the last ones that read
# answers from S3 alone.
# Does nothing for what is there already: the key is the hash of the requirements and of this script.
# Without a Python for them it says so and fails in CI only, as the tests that need them do.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done

# install FOLDER REQUIREMENTS WHAT
install() {
  local venv=$tools/$1 requirements=$2 what=$3 key
  key=$(cat "$requirements" "$here/setup.sh" | cksum)
  if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/key" 2>/dev/null)" = "$key" ]; then
    return
  fi
  if [ -z "$python" ]; then
    echo "no Python 3.11 or later with venv and pip; the check with $what cannot run" >&2
    return 1
  fi
  rm -rf "$venv"
  mkdir -p "$tools"
  if ! { "$python" -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$requirements"; }; then
    echo "installation with pip failed; the check with $what cannot run" >&2
    return 1
  fi
  printf '%s\n' "$key" >"$venv/key"
}

failed=0
case ${1:-} in
  athena)
    install athena "$here/../athenaclients/requirements.txt" "clients of Athena" || failed=1
    install athena-old "$here/../athenaclients/requirements-old.txt" "older clients of Athena" || failed=1
    ;;
  *)
    install venv "$here/requirements.txt" "PyArrow and DuckDB" || failed=1
    install moto "$here/../cloudwatch/requirements.txt" "moto" || failed=1
    ;;
esac
if [ "$failed" = 1 ] && [ "${CI:-}" = true ]; then
  exit 1
fi
