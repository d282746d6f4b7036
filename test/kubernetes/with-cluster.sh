#!/usr/bin/env bash
# with-cluster.sh SCRIPTS COMMAND...: starts a test cluster with the scripts in the folder SCRIPTS,
# runs the command with KUBECONFIG, and removes the cluster. If the variable W names a folder, this
# folder keeps the built programs for the next run.
set -euo pipefail
scripts=$(cd "$1" && pwd)
shift
RUNSC=$(cd "$(dirname "$0")" && pwd)/runsc.sh
export RUNSC
if [ -e /run/netns/rdsw ]; then
  echo 'with-cluster.sh: another test cluster runs on this machine' >&2
  exit 1
fi

if [ -z "${W:-}" ]; then
  W=$(mktemp -d)
  made=$W
fi
export W
down() {
  bash "$scripts/k8s-down.sh" || true
  bash "$scripts/netns-down.sh" || true
  # Kills the sandboxes of gVisor whose pods were starting.
  pgrep -f -- "$W/k[0-9]/" | xargs -r kill -KILL || true
  rm -rf "$W"/k[0-9] "$W/cp" ${made:+"$made"}
}
trap down EXIT
trap 'exit 143' TERM INT

for tool in ip containerd runc runsc openssl curl bc nsenter; do
  if ! command -v "$tool" > /dev/null; then
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends \
      iproute2 containerd runc runsc openssl curl bc util-linux > /dev/null
    break
  fi
done
bash "$scripts/k8s-build.sh"
mkdir -p "$W/img"
bash "$scripts/busybox-image.sh" "$W/k8sbin/bin/busybox" "$W/img/pause.tar"
docker save -o "$W/img/sandboxes.tar" hono-sandbox/python:bookworm hono-sandbox/nodejs:24
bash "$scripts/netns-up.sh" 2
IMAGES="$W/img/pause.tar $W/img/sandboxes.tar" bash "$scripts/k8s-up.sh" 2
# The command runs in the background, so that the trap of a signal does not wait for its end.
KUBECONFIG=$W/cp/admin.kubeconfig "$@" &
command=$!
trap 'kill "$command"; exit 143' TERM INT
wait "$command"
