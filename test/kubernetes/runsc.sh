#!/usr/bin/env bash
# runsc.sh ARGUMENTS...: gVisor in the words of runc. The shim of runc does not understand the error that
# gVisor reports if it shall kill a sandbox that has ended. Then no pod under gVisor can be removed, and
# the kubelet tries it again and again.
case " $* " in
  *' kill '*) ;;
  *) exec /usr/bin/runsc "$@" ;;
esac
output=$(/usr/bin/runsc "$@" 2>&1) && exit 0
status=$?
echo "$output" >&2
case $output in
  *'sandbox is not running'* | *'connection refused'*) echo 'container not running' >&2 ;;
esac
exit "$status"
