#!/usr/bin/env bash
# Writes dist/: the modules with their types, and the command.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

rm -rf dist
tsc -p src
node scripts/bundle.mjs
