#!/usr/bin/env bash
# Passes the tests: installs what they need on Debian, then formats, lints, documents, builds and tests.
# Run it from anywhere: bash tests/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# Debian keeps servers where a user's PATH does not look.
export PATH="$PATH:/usr/sbin:/sbin"

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs the packages whose commands are missing, without starting any service of theirs. Servers that
# are already here, and their services, are left alone.
install_missing() {
  local -a packages=() services=()
  while read -r command package service; do
    command -v "$command" >/dev/null && continue
    packages+=("$package")
    [ "$service" = - ] || services+=("$service")
  done
  [ "${#packages[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || {
    echo "missing: ${packages[*]}; install them and run this again (only Debian is done by itself)" >&2
    exit 2
  }
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    # While this file says 101, installing a package starts nothing (invoke-rc.d(8)).
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made=yes
  fi
  local done=yes
  { as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"; } || done=no
  [ "$made" = no ] || as_root rm -f "$policy"
  [ "$done" = yes ] || { echo "apt-get could not install: ${packages[*]}" >&2; exit 2; }
  # Not at the next boot either.
  if [ -d /run/systemd/system ]; then
    for service in "${services[@]}"; do as_root systemctl disable --now "$service" >/dev/null 2>&1 || true; done
  fi
}

step "packages"
# command, package, service
install_missing <<'END'
cc gcc -
git git -
make make -
nginx nginx-light nginx
haproxy haproxy haproxy
apache2 apache2 apache2
openssl openssl -
goaccess goaccess -
chromium chromium -
chromedriver chromium-driver -
END
command -v cargo >/dev/null || { echo "cargo is missing: https://rustup.rs" >&2; exit 2; }

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
# The engine that is a choice of the build (docs/decisions/io-uring.md) may be left out.
cargo clippy --package wsgen-proxy --package wsgen --no-default-features --locked -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
step "tests"
cargo test --workspace --locked

step "the release profile"
cargo build --release --locked --bin wsgen
# Panics on demand are for builds of tests (crates/proxy/src/fault.rs).
if grep -q WSGEN_FAULT target/release/wsgen; then echo "a release panics on demand" >&2; exit 1; fi
# So are faulty importers and renderers (src/commands/import/misread.rs).
if grep -q WSGEN_MIS target/release/wsgen; then echo "a release misreads on demand" >&2; exit 1; fi
target/release/wsgen conformance --target serve

step "other generations of the servers, in containers"
# An engine that is started for this ends with it.
export WSGEN_ENGINE_PID
WSGEN_ENGINE_PID=$(mktemp -u)
end_engine() { if [ -s "$WSGEN_ENGINE_PID" ]; then as_root kill "$(cat "$WSGEN_ENGINE_PID")"; fi; }
trap end_engine EXIT
arguments=()
for pair in trixie:nginx@1.26,haproxy@3.0,apache@2.4 bullseye:nginx@1.18,haproxy@2.2,apache@2.4 \
  forky:nginx@1.30,haproxy@3.2,apache@2.4; do
  suite=${pair%%:*}
  status=0
  bash packaging/images.sh "$suite" || status=$?
  if [ "$status" = 0 ]; then
    for target in $(tr , ' ' <<<"${pair#*:}"); do
      arguments+=(--target "$target" --image "${target%@*}=wsgen/debian:$suite")
    done
    target/debug/wsgen conformance --launch docker "${arguments[@]}" || status=$?
    arguments=()
    # 1: a server is not as expected. 2: it could not be run at all.
    [ "$status" != 1 ] || exit 1
    if [ "$status" != 0 ]; then
      echo "NOT RUN: the generation of $suite, because its containers do not start here" >&2
      [ "$suite:${CI:-}" != trixie:true ] || exit 1
    fi
  elif [ "$status" = 2 ]; then
    echo "NOT RUN: containers of any generation, because no engine starts here" >&2
    [ "${CI:-}" != true ] || exit 1
    break
  else
    echo "NOT RUN: the generation of $suite, because the archive does not give it" >&2
    # The one that is current is always to be had.
    [ "$suite:${CI:-}" != trixie:true ] || exit 1
  fi
done
step "done"
