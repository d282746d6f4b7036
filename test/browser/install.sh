#!/usr/bin/env bash
# Installs the browser of the tests in this folder, where that is possible: as root on Debian.
set -euo pipefail

if found=$(command -v chromium); then
  echo "browser  $found"
  exit
fi
skip() { echo "browser  $1: install chromium, or the tests in a browser are skipped"; }
if ! command -v apt-get > /dev/null; then
  skip 'there is no chromium on the PATH, and no apt-get'
elif [ "$(id -u)" -ne 0 ]; then
  skip 'there is no chromium on the PATH, and only root can install it'
else
  echo 'browser  installing chromium with apt-get (about 120 MB)...'
  export DEBIAN_FRONTEND=noninteractive
  apt() { apt-get -qq -o DPkg::Lock::Timeout=60 "$@" > /dev/null; }
  apt update && apt install -y --no-install-recommends chromium || skip 'apt-get has failed'
fi
