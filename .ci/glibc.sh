#!/usr/bin/env bash
# Fails when a program needs a newer glibc than it may.
#
#   glibc.sh PROGRAM VERSION
set -euo pipefail

program=${1:?usage: glibc.sh PROGRAM VERSION}
allowed=${2:?usage: glibc.sh PROGRAM VERSION}

needed=$(readelf --version-info --wide "$program" | grep -o 'GLIBC_[0-9][0-9.]*' | cut -d_ -f2 | sort -uV | tail -n 1)
[[ -n $needed ]] || { echo "error: $program names no glibc version at all" >&2; exit 1; }
echo "$program needs glibc $needed; at most $allowed is allowed"
[[ $(printf '%s\n' "$needed" "$allowed" | sort -V | tail -n 1) == "$allowed" ]]
