#!/usr/bin/env bash
# Builds the kernel of the GPIO tests from Debian's source package into the user's cache folder, unless
# what is there was made from the same files, or LOQUET_GPIO_KERNEL names one that has all that they need.
# Needs a Debian machine, 1 GB in TMPDIR, about four minutes of one processor.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/loquet
out=$cache/linux-um-gpio.xz

if [ "$(uname -m)" != x86_64 ]; then
  echo "gpio-kernel: User-Mode Linux runs on amd64 only, so the tests of GPIO lines skip here"
  exit 0
fi
if [ -n "${LOQUET_GPIO_KERNEL:-}" ]; then
  lacks=$(cd "$here" && CGO_ENABLED=0 "${GO:-go}" run ../../../internal/gpiolab/lacks "$LOQUET_GPIO_KERNEL")
  if [ -z "$lacks" ]; then
    echo "gpio-kernel: $LOQUET_GPIO_KERNEL has all that the tests need"
    exit 0
  fi
  echo "gpio-kernel: $LOQUET_GPIO_KERNEL lacks $lacks: what needs that runs on the kernel made here"
fi
mkdir -p "$cache"
exec 9>"$cache/linux-um-gpio.lock"
flock 9 # two tests may want it at the same time
# The key is of all that makes the kernel: the recipe below is part of it, what is above is not.
key=$({ cat "$here/uml.config" "$here/uml.patch"; sed -n '/^# Recipe/,$p' "$here/build.sh"; } | sha256sum | cut -d' ' -f1)
if [ -e "$out" ] && [ "$(cat "$cache/linux-um-gpio.key" 2>/dev/null)" = "$key" ]; then
  echo "gpio-kernel: $out is current"
  exit 0
fi

# Recipe
for tool in gcc make patch flex bison bc xz apt-get dpkg; do
  command -v "$tool" >/dev/null || { echo "gpio-kernel: $tool is missing: make deps installs it, or apt-get install gcc make patch flex bison bc xz-utils libc6-dev" >&2; exit 1; }
done
source_version() { apt-cache show linux-source-6.1 2>/dev/null | awk '/^Version:/ { print $2; exit }'; }
version=$(source_version || true)
if [ -z "$version" ] && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  version=$(source_version || true)
fi
[ -n "$version" ] || { echo "gpio-kernel: apt knows no linux-source-6.1: run apt-get update, on Debian 12" >&2; exit 1; }

began=$SECONDS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
echo "gpio-kernel: downloading linux-source-6.1 $version (139 MB)"
apt-get download -qq "linux-source-6.1=$version"
# Half of the sources is drivers and manuals that this kernel has no use for: they are not unpacked.
echo "gpio-kernel: unpacking what is needed"
dpkg --fsys-tarfile linux-source-6.1_*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz | xz -dc |
  tar -x --one-top-level=src --strip-components=1 \
    --exclude='*/Documentation/*/*' --exclude='linux-source-6.1/tools' --exclude='linux-source-6.1/samples/*.[ch]' \
    --exclude='linux-source-6.1/sound/*.[ch]' --exclude='linux-source-6.1/drivers/gpu/*.[ch]' \
    --exclude='linux-source-6.1/drivers/net/*/*.[ch]' --exclude='linux-source-6.1/drivers/media/*.[ch]' \
    --exclude='linux-source-6.1/drivers/staging/*.[ch]' --exclude='linux-source-6.1/drivers/scsi/*.[ch]' \
    --exclude='linux-source-6.1/drivers/infiniband/*.[ch]'
rm linux-source-6.1_*.deb
cd src
patch -s -p1 <"$here/uml.patch"
echo "gpio-kernel: compiling"
make -s O="$work/build" ARCH=um KCONFIG_ALLCONFIG="$here/uml.config" allnoconfig
make -s O="$work/build" ARCH=um -j"$(nproc)" linux modules
strip -g "$work/build/linux" -o "$work/linux-um-gpio"
xz -T0 "$work/linux-um-gpio"
mv "$work/linux-um-gpio.xz" "$out"
cp "$work/build/drivers/i2c/i2c-stub.ko" "$cache/i2c-stub.ko"
echo "$key" >"$cache/linux-um-gpio.key"
echo "gpio-kernel: built $out in $((SECONDS - began)) s"
