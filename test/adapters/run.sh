#!/usr/bin/env bash
# Tests the adapters with the packages of the SDKs. They need a newer Node than the library does, so they
# have a folder of packages of their own. The arguments are those of vitest.
set -euo pipefail
cd "$(dirname "$0")"

# The marker has the lock file of the packages that are installed.
installed=node_modules/.installed-lock.json
if ! cmp --silent package-lock.json "$installed"; then
  npm ci --ignore-scripts --loglevel=error
  # The built library, under its name.
  ln -s ../../.. node_modules/hono-sandbox
  # An app has one copy of these: that of the library. Packages of the SDKs bring others.
  rm -rf node_modules/hono node_modules/@hono/node-server
  mkdir -p node_modules/@hono
  ln -s ../../../node_modules/hono node_modules/hono
  ln -s ../../../../node_modules/@hono/node-server node_modules/@hono/node-server
  cp package-lock.json "$installed"
fi
node ../../node_modules/typescript/bin/tsc -p .
npx -y -p node@24 node ../../node_modules/vitest/vitest.mjs run "$@"
