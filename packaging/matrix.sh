#!/usr/bin/env bash
# Runs the whole catalogue of conformance through the reference proxy and every server of four generations of Debian, and
# writes docs/matrix.md. Builds what it needs (packaging/images.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
bash packaging/images.sh
cargo build --release --locked
arguments=()
for pair in bullseye:nginx@1.18,haproxy@2.2,apache@2.4.62 bookworm:nginx@1.22,haproxy@2.6,apache@2.4.71 \
  trixie:nginx@1.26,haproxy@3.0,apache@2.4.68 forky:nginx@1.30,haproxy@3.2,apache@2.4.69; do
  for target in $(tr , ' ' <<<"${pair#*:}"); do
    arguments+=(--target "$target" --image "$target=wsgen/debian:${pair%%:*}")
  done
done
exec target/release/wsgen conformance --target serve --launch docker "${arguments[@]}" --report markdown=docs/matrix.md "$@"
