#!/usr/bin/env bash
# Builds dist/: static binaries for three machines, their .deb packages, and a container image where
# Debian's buildah is installed. What it builds depends on the commit alone: building twice gives the
# same bytes.
#
#   packaging/build.sh [binaries] [debs] [image]      without a word: all of it
#
# MACHINES, VERSION and OUT (the folder, instead of dist) may be set.
set -euo pipefail
cd "$(dirname "$0")/.."

GO=${GO:-go}
machines=${MACHINES:-amd64 arm64 arm} # arm: version 6, as in the first Raspberry Pi and the Zero

# A tag v1.2.3 is version 1.2.3. What comes before the next tag sorts below it and above what came earlier.
version() {
  local tag
  if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null) && git diff --quiet HEAD; then
    echo "${tag#v}"
  else
    echo "0.1.0~r$(git rev-list --count HEAD).g$(git rev-parse --short=12 HEAD)"
  fi
}
VERSION=${VERSION:-$(version)}
OUT=${OUT:-dist}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export VERSION SOURCE_DATE_EPOCH

binaries() {
  local arch
  for arch in $machines; do
    echo "package: loquet $VERSION for linux/$arch"
    CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOARM=6 $GO build -trimpath -buildvcs=false \
      -ldflags "-s -w -buildid= -X main.release=$VERSION" -o "$OUT/loquet-linux-$arch" ./cmd/loquet
  done
}

debs() {
  local arch
  rm -f "$OUT"/*.deb # of other versions
  for arch in $machines; do
    BINARY=$OUT/loquet-linux-$arch ARCH=${arch/%arm/arm6} \
      $GO tool -modfile=internal/tools/nfpm/go.mod nfpm package --config packaging/deb/nfpm.yaml --packager deb --target "$OUT/"
  done
}

image() {
  if ! command -v buildah >/dev/null; then
    echo "package: no container image, because buildah is not installed (apt-get install buildah)"
    return
  fi
  local folder store arch platforms='' out=$OUT/loquet.oci.tar
  for arch in $machines; do
    platforms+=${platforms:+,}linux/${arch/%arm/arm/v6}
  done
  folder=$(mktemp -d)
  store=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$folder' '$store'" EXIT
  cp "$OUT"/loquet-linux-* "$folder"
  mkdir -m 0700 "$folder/state"
  # Storage of its own, without privileged drivers, in which nothing else can be lost.
  local b=(buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs)
  "${b[@]}" bud --isolation chroot --format oci --timestamp "$SOURCE_DATE_EPOCH" --quiet \
    --platform "$platforms" --manifest loquet \
    --file packaging/container/Containerfile "$folder" >/dev/null
  "${b[@]}" manifest push --quiet --all loquet "oci:$store/image:loquet:${VERSION//[~+]/-}" >/dev/null
  tar --create --file "$out" --directory "$store/image" --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX .
  echo "package: $out"
}

mkdir -p "$OUT"
for part in ${*:-binaries debs image}; do
  "$part"
done
(cd "$OUT" && rm -f SHA256SUMS && sums=$(sha256sum -- *) && echo "$sums" >SHA256SUMS)
