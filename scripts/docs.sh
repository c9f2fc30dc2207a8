#!/usr/bin/env bash
# Writes reference/, the API reference. TypeDoc has a lock file of its own: it needs another release of TypeScript.
set -euo pipefail
cd "$(dirname "$0")/reference"

npm ci --no-audit --no-fund
node_modules/.bin/typedoc --options typedoc.json
