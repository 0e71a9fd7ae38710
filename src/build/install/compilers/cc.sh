#!/bin/sh
# Runs a compiler so that `__FILE__` has the same value wherever the source is: paths become relative to the project's
# folder, or to the folder with the packages for its build. Relative paths are left as they are.
here=${0%/*}
case $PATH in
# Takes this folder out of PATH: programs such as ccache search it for a compiler of their own name.
*"$here":*) PATH=${PATH%%"$here":*}${PATH#*"$here":} ;;
esac

# The folder that a path is made relative to; empty for paths of the system.
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

# Compilers from before 2018 do not know the option.
if [ "$known" != : ] && [ "$known" != :: ]; then
    REAL -ffile-prefix-map=/=/ -x c -E /dev/null >/dev/null 2>&1 || {
        for argument; do
            shift
            case $argument in -ffile-prefix-map=*=.) ;; *) set -- "$@" "$argument" ;; esac
        done
    }
fi
exec REAL "$@"
