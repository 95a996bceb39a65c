# SPDX-License-Identifier: MIT
# How the scripts talk: one line a step with the time it took, one clear message when something is wrong.

# Ends the script: what was wrong, and below it what to do.
fail() {
    printf '\n%s: %s\n' "$(basename "$0")" "$1" >&2
    shift
    local line
    for line in "$@"; do printf '    %s\n' "$line" >&2; done
    exit 1
}

# step TITLE COMMAND...: runs the command with its output kept in a log that is shown only when it fails.
# Anything the command writes to descriptor 3 is progress and is shown as it comes.
step() {
    local title=$1 log started status=0
    shift
    log=$(mktemp)
    started=$(date +%s.%N)
    printf '==> %s ...\n' "$title"
    "$@" 3>&1 >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        printf -- '---- the last lines of its output:\n' >&2
        tail -n 40 "$log" >&2
        rm -f "$log"
        fail "failed: $title (exit status $status)" "The command was: $*" "${STEP_ADVICE:-Mend the cause above and run the script again; it goes on where it stopped.}"
    fi
    rm -f "$log"
    awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "    %.1f s\n", b - a }'
}

# ninja_progress: reads the output of a ninja that writes it line by line (stdbuf -oL), repeats it for the log, and reports
# every tenth of the way on descriptor 3.
ninja_progress() {
    awk '{ print; fflush() }
         match($0, /^\[[0-9]+\/[0-9]+\]/) {
             split(substr($0, 2, RLENGTH - 2), n, "/")
             tenth = int(10 * n[1] / n[2])
             if (n[2] > 50 && tenth > last) {
                 printf "    %3d %%  (%d of %d)\n", 10 * tenth, n[1], n[2] | "cat >&3"
                 fflush("cat >&3")
                 last = tenth
             }
         }'
}

# version_at_least HAVE WANT
version_at_least() { dpkg --compare-versions "$1" ge "$2"; }
