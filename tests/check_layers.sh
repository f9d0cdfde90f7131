#!/bin/bash
# check_layers.sh: an include points to an earlier layer, or stays in its own.
#
#     tests/check_layers.sh [DIR]      DIR has src/ and include/; default: this source tree
#
#     base < model io < upstream store < pipeline < api < main
#
# Layers of the same rank (model and io, upstream and store) are blind to each other. The sandbox
# stands apart: it sees base and itself, and no other layer sees it.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "$0")")/..}"

mapfile -d '' -t files < <(find src include -name '*.[ch]' -print0 | sort -z)
[ ${#files[@]} -gt 0 ] || { echo "check_layers.sh: no sources were found" >&2; exit 1; }

awk '
BEGIN {
    rank["base"] = 1
    rank["model"] = rank["io"] = 2
    rank["upstream"] = rank["store"] = 3
    rank["pipeline"] = 4
    rank["api"] = 5
    rank["main"] = 6
    rank["sandbox"] = 0
}

# The layer of src/io/op.c and include/io/op.h is io; that of src/main/main.c is main.
function layer_of(path,    parts)
{
    split(path, parts, "/")
    sub(/\.[ch]$/, "", parts[2])
    return parts[2]
}

function may_see(from, to)
{
    if (from == to)
        return 1
    if (from == "sandbox")
        return to == "base"
    return to != "sandbox" && rank[to] < rank[from]
}

function complain(what)
{
    printf "%s:%d: %s\n", FILENAME, FNR, what
    faults++
}

FNR == 1 {
    layer = layer_of(FILENAME)
    if (!(layer in rank))
        complain("\"" layer "\" is no layer: give it a place in tests/check_layers.sh")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    target = quoted[2]
    split(target, parts, "/")
    seen++
    if (target !~ /\// || !(parts[1] in rank))
        complain("\"" target "\" does not name its layer, as in \"base/error.h\"")
    else if ((layer in rank) && !may_see(layer, parts[1]))
        complain(layer " may not include " parts[1] " (\"" target "\")")
}

END {
    if (faults)
        printf "%d include(s) against the order of layers\n", faults
    if (!seen) {
        print "not one include was found: this check is broken"
        faults = 1
    }
    exit faults > 0
}
' "${files[@]}"
