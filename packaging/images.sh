#!/usr/bin/env bash
# Builds an image for each generation of Debian that is named, with its nginx, HAProxy and Apache, for
# `wsgen conformance --launch docker --image TARGET=wsgen/debian:SUITE`. Nothing is pulled: the packages are Debian's.
# On Debian it installs what it needs and starts a container engine where none answers; it goes on running, and
# `kill $(cat /run/wsgen-dockerd.pid)` ends it.
#
#   bash packaging/images.sh [SUITE…]     bullseye, bookworm, trixie and forky where none is named
#
# A suite that the archive no longer gives is said and left out; exit 1 then. Exit 2: there is no engine.
set -euo pipefail

suites=("$@")
[ "${#suites[@]}" -gt 0 ] || suites=(bullseye bookworm trixie forky)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for pair in docker:docker.io dockerd:docker.io mmdebstrap:mmdebstrap iptables:iptables; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "missing: ${missing[*]}; only Debian is done by itself" >&2; exit 2; }
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! docker info >/dev/null 2>&1; then
  log=$(mktemp)
  echo "no container engine answers; starting one (its log: $log)"
  pid=${WSGEN_ENGINE_PID:-/run/wsgen-dockerd.pid}
  as_root sh -c "PATH=\$PATH:/usr/sbin:/sbin setsid dockerd --pidfile '$pid' >'$log' 2>&1 &"
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && break
    sleep 1
  done
  docker info >/dev/null 2>&1 || { tail -5 "$log" >&2; echo "the engine does not start" >&2; exit 2; }
fi

# The archive that this machine's own packages come from.
mirror=${WSGEN_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/\?$' || true)}
[ -n "$mirror" ] || { echo "no archive of Debian is known here: name one in WSGEN_DEBIAN_MIRROR" >&2; exit 2; }

left=()
for suite in "${suites[@]}"; do
  image=wsgen/debian:$suite
  if docker image inspect "$image" >/dev/null 2>&1; then
    echo "$image is there"
    continue
  fi
  # Bullseye's nginx-light leaves out modules that later ones have.
  nginx=nginx-light
  [ "$suite" != bullseye ] || nginx=nginx-full
  tar=$(mktemp --suffix=.tar)
  # The newest suite may be signed by a key that this machine's keyring lacks, and its release file be past its date.
  if as_root mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --include="$nginx,haproxy,apache2" "$suite" "$tar" "$mirror"; then
    docker import "$tar" "$image" >/dev/null
    echo "$image is built"
  else
    echo "NOT BUILT: $image (the archive does not give $suite)" >&2
    left+=("$suite")
  fi
  as_root rm -f "$tar"
done
[ "${#left[@]}" = 0 ]
