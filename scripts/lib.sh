# shellcheck shell=bash
# lib.sh: what the scripts share. Sourced by each of them, as
#
#     source "$(dirname "$(readlink -f "$0")")/lib.sh"
#
# After that the working directory is the root of the source tree, and a failing command ends the
# script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One sentence to whoever runs the script, and the end.
die()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# The comment at the head of the calling script, which is its --help.
print_usage()
{
    awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

# build PRESET [TARGET...]: configures where needed, then builds. Quiet but for one line that counts
# along on a terminal; when it fails, the end of its log. Two jobs at a time: the compilers of more
# would not fit into a small machine's memory.
build()
{
    local preset=$1
    shift
    local log=build/log/build-$preset.log
    mkdir -p build/log
    local targets=()
    [ $# -eq 0 ] || targets=(--target "$@")
    if { cmake --preset "$preset" &&
        NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" --parallel 2 "${targets[@]}"; } \
        2>&1 | tee "$log" | show_progress "Building build/$preset"; then
        return 0
    fi
    echo "Building build/$preset failed. The end of $log:"
    tail -n 40 "$log"
    return 1
}

# show_progress WHAT: reads a build's output and shows how far it is, on one line.
show_progress()
{
    local line count=''
    if [ ! -t 1 ]; then
        echo "$1"
        cat >/dev/null
        return
    fi
    printf '%s' "$1"
    while IFS= read -r line; do
        [[ $line =~ ^(\[[0-9]+/[0-9]+\]) ]] || continue
        count=${BASH_REMATCH[1]}
        printf '\r%s %s' "$1" "$count"
    done
    # The line goes away again: what comes next says how it went.
    printf '\r%*s\r' $((${#1} + ${#count} + 1)) ''
}

# clang_tidy NODES: static analysis of src/, two files at a time; NODES is how many states of one
# function the analyzer may look at (its own default is 225000). Needs a configured build/clang.
clang_tidy()
{
    cmake --preset clang
    local sources
    mapfile -d '' -t sources < <(find src -name '*.c' -print0 | sort -z)
    printf '%s\0' "${sources[@]}" | xargs -0 -P 2 -n 1 clang-tidy --quiet -p build/clang \
        --extra-arg-before=-Xclang --extra-arg-before=-analyzer-config \
        --extra-arg-before=-Xclang --extra-arg-before="max-nodes=$1"
}

# wait_until_ready URL PID SECONDS: until URL/ready answers 200. Fails when the process PID ends
# first, or the time is up.
wait_until_ready()
{
    local end=$((SECONDS + $3))
    until curl --silent --fail --max-time 1 --output /dev/null "$1/ready"; do
        kill -0 "$2" 2>/dev/null && [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# is_listening PORT: somebody accepts connections on this port of 127.0.0.1.
is_listening()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
