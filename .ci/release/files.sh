#!/usr/bin/env bash
# Checks the files that the release will have, and writes one list of their checksums: files.sh FOLDER
set -euo pipefail
cd "$1"

for checksum in *.sha256; do
    file=${checksum%.sha256}
    read -r wanted _ <"$checksum"
    sha256sum --check --strict <<<"$wanted  $file"
    rm "$checksum"
done
ls ./*.tar.gz ./*.whl
sha256sum -- *.tar.gz *.whl >SHA256SUMS
