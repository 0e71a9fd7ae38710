#!/bin/sh
# Runs a compiler so that what it writes for `__FILE__` is the same wherever the source is: seen from the project's folder,
# or from the one with the packages that its build needs. Names that are relative are so already.
here=${0%/*}
case $PATH in
# For programs such as ccache, which look for the compiler of their own name once more.
*"$here":*) PATH=${PATH%%"$here":*}${PATH#*"$here":} ;;
esac

# The folder that a place is seen from; nothing for those of the system.
root_of() {
    case $1 in
    */site-packages/*) echo "${1%%/site-packages/*}/site-packages" && return ;;
    "$PWD"/*) echo "$PWD" && return ;;
    esac
    folder=$1
    while [ -n "$folder" ]; do
        for file in PKG-INFO pyproject.toml setup.py Cargo.toml; do
            [ ! -e "$folder/$file" ] || { echo "$folder" && return; }
        done
        folder=${folder%/*}
    done
}

known=:
for argument; do
    case $argument in
    /*) root=$(root_of "$argument") ;;
    -I/*) root=$(root_of "${argument#-I}") ;;
    *) continue ;;
    esac
    case $known in *":$root:"*) continue ;; esac
    known=$known$root:
    [ -z "$root" ] || set -- "$@" "-ffile-prefix-map=$root=."
done

# Compilers of before 2018 do not have it.
if [ "$known" != : ] && [ "$known" != :: ]; then
    REAL -ffile-prefix-map=/=/ -x c -E /dev/null >/dev/null 2>&1 || {
        for argument; do
            shift
            case $argument in -ffile-prefix-map=*=.) ;; *) set -- "$@" "$argument" ;; esac
        done
    }
fi
exec REAL "$@"
