#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each: tools/fuzz.sh 30s
#
# Go before 1.27 sometimes reports "context deadline exceeded" when the time is
# up (golang/go#75804). A real finding always leaves its input behind, so that
# message without such an input is not a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?how long to run each target}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

failed=0
targets=$(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' internal | sed 's/\/[^/]*:func /:/' | sort -u)
for target in $targets; do
  dir=${target%%:*} name=${target##*:}
  echo "fuzz $dir $name"
  if go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$dir" 2>&1 | tee "$log"; then
    continue
  fi
  if grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log"; then
    echo "fuzz $dir $name: time was up; that is not a finding"
    continue
  fi
  failed=1
done
exit $failed
