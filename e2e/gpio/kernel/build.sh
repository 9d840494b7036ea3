#!/usr/bin/env bash
# Builds the kernel of the GPIO tests from Debian's source package into the user's cache folder, unless
# what is there was made from the same files. Needs a Debian machine, 2 GB in TMPDIR, 2 to 15 minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/loquet
out=$cache/linux-um-gpio.xz

for tool in gcc make patch flex bison bc xz apt-get dpkg; do
  command -v "$tool" >/dev/null || { echo "gpio-kernel: $tool is missing: apt-get install gcc make patch flex bison bc xz-utils libc6-dev" >&2; exit 1; }
done
version=$(apt-cache show linux-source-6.1 | awk '/^Version:/ { print $2; exit }')
[ -n "$version" ] || { echo "gpio-kernel: apt knows no linux-source-6.1: run apt-get update, on Debian 12" >&2; exit 1; }
key=$(cat "$here/uml.config" "$here/uml.patch" <(echo "$version") | sha256sum | cut -d' ' -f1)
if [ -e "$out" ] && [ "$(cat "$cache/linux-um-gpio.key" 2>/dev/null)" = "$key" ]; then
  echo "gpio-kernel: $out is current"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "gpio-kernel: downloading linux-source-6.1 $version (139 MB)"
apt-get download -qq "linux-source-6.1=$version"
dpkg -x linux-source-6.1_*.deb deb
rm linux-source-6.1_*.deb
tar -xf deb/usr/src/linux-source-6.1.tar.xz
cd linux-source-6.1
patch -s -p1 <"$here/uml.patch"
echo "gpio-kernel: compiling"
make -s O="$work/build" ARCH=um KCONFIG_ALLCONFIG="$here/uml.config" allnoconfig
make -s O="$work/build" ARCH=um -j"$(nproc)" linux
strip -g "$work/build/linux" -o "$work/linux-um-gpio"
xz "$work/linux-um-gpio"
mkdir -p "$cache"
mv "$work/linux-um-gpio.xz" "$out"
echo "$key" >"$cache/linux-um-gpio.key"
echo "gpio-kernel: built $out"
