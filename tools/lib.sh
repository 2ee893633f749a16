# What tools/test and tools/quickstart share. Source it; it sets `root` and strict mode.
#
#   say / step / note / die   progress; coloured only on a terminal, never with NO_COLOR
#   install_packages          what tools/packages.txt names and this machine lacks, as root or by sudo
#   configure DIR OPTION...   meson setup, only when needed; files are compiled several as one
#   build DIR TARGET...       ninja, at build_niceness; quiet off a terminal
#   temp_folder NAME          a folder removed at the end; its path goes into the variable NAME
# At the end, however it comes, all processes started from here are stopped and the temporary folders removed.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$root  # two checkouts share their objects
[ -n "${HOME:-}" ] || export CCACHE_DIR=$root/.cache/ccache
temp_folders=()
last_words=''  # printed at the end of a run that fails

bold='' red='' green='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
fi
say() { printf '%s\n' "$*"; }
step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s    %s%s\n' "$dim" "$*" "$plain"; }
die() {
    printf '%s%s: %s%s\n' "$red" "$(basename "$0")" "$1" "$plain" >&2
    shift
    for line in "$@"; do printf '    %s\n' "$line" >&2; done
    exit 1
}

# Processes started from here: the tree below this shell, and those that left it for a life of their own,
# which the mark in their environment gives away.
run_mark=$$.$RANDOM$RANDOM
export ANABRANCH_RUN=$run_mark
descendants() {
    local child
    for child in $(ps -o pid= --ppid "$1" 2>/dev/null); do
        echo "$child"  # before its children: a shell whose child is ended first says so
        descendants "$child"
    done
}
started_here() {
    descendants $$
    grep -lz "^ANABRANCH_RUN=$run_mark\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

# They are asked first and forced after two seconds.
clean_up() {
    local status=$? pids pid alive i
    trap - EXIT INT TERM HUP
    trap '' PIPE
    set +e
    disown -a  # no notices about them
    pids=$(started_here)
    kill $pids 2>/dev/null
    for i in $(seq 20); do
        alive=''
        for pid in $pids; do
            # Z: dead already.
            grep -qs '^State:[[:space:]]*[RSDTtI]' "/proc/$pid/status" && alive="$alive $pid"
        done
        [ -n "$alive" ] || break
        sleep 0.1
    done
    [ -z "$alive" ] || { kill -9 $alive 2>/dev/null && sleep 0.2; }
    [ ${#temp_folders[@]} -eq 0 ] || rm -rf -- "${temp_folders[@]}"
    [ "$status" = 0 ] || [ -z "$last_words" ] || echo "$last_words"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

temp_folder() {
    local made_folder
    made_folder=$(mktemp -d "${TMPDIR:-/tmp}/anabranch-XXXXXX") ||
        die "cannot make a folder below ${TMPDIR:-/tmp}"
    temp_folders+=("$made_folder")
    printf -v "$1" '%s' "$made_folder"
}

missing_packages() {
    local name wanted installed
    wanted=$(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$root/tools/packages.txt")
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
        sed -n 's/^installed //p') || true  # dpkg-query fails on a name it never saw
    for name in $wanted; do
        grep -qxF "$name" <<<"$installed" || echo "$name"
    done
}

install_packages() {
    local missing as_root=() log had_postgres=no
    command -v dpkg-query >/dev/null || {
        note "not a Debian system: the packages of tools/packages.txt are taken as installed"
        return
    }
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    step "Installing $(wc -w <<<"$missing") packages: $(echo $missing)"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "packages are missing, and this is neither root nor is there sudo" \
                "as root: apt-get install $(echo $missing)"
        as_root=(sudo)
        sudo -n true 2>/dev/null || [ -t 0 ] || as_root=(sudo -n)
    fi
    command -v pg_lsclusters >/dev/null && had_postgres=yes
    temp_folder log
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
    "${apt[@]}" update >"$log/apt" 2>&1 </dev/null ||
        note "apt-get update failed; trying with the lists at hand"
    "${apt[@]}" install --no-install-recommends $missing >>"$log/apt" 2>&1 </dev/null || {
        tail -n 20 "$log/apt" >&2
        die "apt-get could not install: $(echo $missing)" "see above; on Debian 12 all of them are in main"
    }
    # Debian starts a server of its own on 5432; the tests start theirs on free ports.
    if [ "$had_postgres" = no ] && pg_lsclusters -h 2>/dev/null | grep -q '^15 *main '; then
        "${as_root[@]}" pg_dropcluster --stop 15 main >/dev/null 2>&1 </dev/null || true
    fi
}

# One compiler process wants up to 1.5 GB.
job_count() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
    [ "$memory" -ge 1 ] || memory=1
    echo $((cores < memory ? cores : memory))
}

configure() {
    local folder=$1 log
    shift
    local wanted="$root $*"
    [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/.options" 2>/dev/null)" != "$wanted" ] || return 0
    temp_folder log
    [ ! -e "$folder" ] || rm -rf -- "$folder/meson-private" "$folder/meson-info" "$folder/build.ninja"
    meson setup "$folder" "$root" -Dunity=on -Dunity_size=8 "$@" >"$log/meson" 2>&1 </dev/null || {
        tail -n 15 "$log/meson" >&2
        die "meson could not configure $folder" "the full log is in $folder/meson-logs/meson-log.txt"
    }
    echo "$wanted" >"$folder/.options"
}

build() {
    local folder=$1 quiet=() log
    shift
    temp_folder log
    ninja -C "$folder" build.ninja >"$log/meson" 2>&1 </dev/null || {  # a changed meson.build
        tail -n 15 "$log/meson" >&2
        die "meson could not configure $folder again" "the file and line are above"
    }
    [ -t 1 ] || quiet=(--quiet)
    nice -n "${build_niceness:-5}" ninja -C "$folder" -j "$(job_count)" "${quiet[@]}" "$@" </dev/null ||
        die "the build in $folder failed" "the compiler's message is above; again: ninja -C $folder $*"
}
