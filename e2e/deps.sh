#!/usr/bin/env bash
# Installs what the end-to-end tests need beside Go, and says what it installs. It does nothing when
# all is there. Without root it names what is missing and goes on: those tests skip (on CI they fail).
# "packages" installs only those of Debian, "clients" only those of npm, nothing said: both.
set -euo pipefail
cd "$(dirname "$0")"
what=${1:-packages clients}

missing=()
need() { # command package
  command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || missing+=("$2")
}
need ip iproute2
need unshare util-linux
need avahi-daemon avahi-daemon
need avahi-browse avahi-utils
need dbus-daemon dbus
need systemd-analyze systemd
need strace strace
need iptables iptables
need mosquitto mosquitto
need mosquitto_pub mosquitto-clients
need node nodejs
need npm npm
if [ "$(uname -m)" = x86_64 ]; then # for the kernel of the GPIO tests
  need gcc gcc
  need make make
  need patch patch
  need flex flex
  need bison bison
  need bc bc
  [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
fi
[ "$(uname -m)" != x86_64 ] || need xz xz-utils
need qemu-arm qemu-user
/usr/bin/python3 -c 'import pymodbus, serial_asyncio' 2>/dev/null || missing+=(python3-pymodbus python3-serial python3-serial-asyncio)

if [[ $what == *packages* ]] && [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "deps: installing the Debian packages ${missing[*]}"
    # Tests run daemons of their own, in namespaces: nothing may be started here.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod +x "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "deps: missing, and only root can install them here: apt-get install ${missing[*]}"
  fi
fi

[[ $what == *clients* ]] || exit 0

# npm ci starts from nothing each time: it runs only when the lock file is newer than what it made.
install() { # folder what
  [ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ] && return
  echo "deps: installing $2 into e2e/$1/node_modules (npm ci, no scripts)"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
}
if command -v npm >/dev/null; then # side by side: most of it is waiting for the network
  install homekit/node "hap-controller 0.10.2" & homekit=$!
  install matter/node "matter.js 0.17.9 (146 MB)" & matter=$!
  install zwave/node "zwave-js 15.29.0 and its server (98 MB)" & zwave=$!
  wait $homekit
  wait $matter
  wait $zwave
else
  echo "deps: without npm there is no HomeKit and no Matter controller and no Z-Wave to test with"
fi
