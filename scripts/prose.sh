#!/usr/bin/env bash
# Spelling, and the words and widths of style.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

cspell --no-progress --no-summary --cache --cache-location node_modules/.cache/cspell
node --import tsx scripts/prose.ts
