#!/usr/bin/env bash
# What can be found without running the package: types, lint, format, spelling, words, and the public API.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

scripts/build.sh
tsc
biome check .
scripts/prose.sh
node --import tsx scripts/api.ts
