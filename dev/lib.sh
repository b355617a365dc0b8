# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # much of this is for the scripts that source this file

# Shared functions of the scripts in this directory, which source this file after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

# Names of Debian packages. `git` is for SwiftPM, which clones the packages in Package.swift.
readonly build_packages=(librados-dev librbd-dev libyaml-dev zlib1g-dev git ca-certificates curl jq)
readonly cluster_packages=(ceph-mon ceph-mgr ceph-osd ceph-common jq)
readonly peer_packages=(ceph-mgr-dashboard python3-rbd)
readonly plot_packages=(gnuplot-nox)
readonly test_packages=(openssl python3-venv shellcheck gdb procps)

# How the measured and shipped binaries are built: with the Swift runtime inside, and with identical functions folded
# into one. They have their own directory: otherwise the static runtime and the tests' build would evict each other.
readonly release_build=(swift build --configuration release --static-swift-stdlib --scratch-path .build-release -Xlinker --icf=safe)

# Messages go to stderr: stdout carries only what another program may want to read.
say() { printf '%s\n' "$*" >&2; }

# die SENTENCE: ends a script. The sentence says what is wrong and what to do.
die() {
    printf '%s: %s\n' "$(realpath --relative-to "$root" "$0")" "$*" >&2
    exit 1
}

# usage: prints the comment block at the start of a script, from its third line to the first line that is not a comment.
usage() { awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"; }

# show_end FILE [LINES]: the end of a log, indented to set it apart from the script's own messages.
show_end() { if [[ -s $1 ]]; then tail -n "${2:-12}" "$1" | sed 's/^/    /' >&2; fi; }

# trap_signals: makes signals end the script through `exit`, so that the EXIT trap cleans up exactly once.
trap_signals() {
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# in_group COMMAND…: runs a long command in its own process group and waits for it. Bash handles a signal only after its
# foreground child has ended, but `wait` returns at once. The EXIT trap calls end_groups, so nothing is left behind.
in_group() {
    start_group "$@"
    wait_for_group "$started_group"
}

# start_group COMMAND…: starts a long command in its own process group, beside others. Its number is in started_group.
groups=()
start_group() {
    set -m
    "$@" </dev/null &
    started_group=$!
    groups+=("$started_group")
    set +m
}

# wait_for_group NUMBER: returns the exit code of the group's command.
wait_for_group() {
    local code=0
    wait "$1" || code=$?
    forget_group "$1"
    return "$code"
}
forget_group() {
    local other kept=()
    for other in "${groups[@]}"; do if [[ $other != "$1" ]]; then kept+=("$other"); fi; done
    groups=("${kept[@]}")
}

# end_groups: ends the commands that in_group and start_group have started, and waits for their clean-up. It sends SIGINT
# as Ctrl-C does: on SIGTERM the swift command leaves its children behind.
end_groups() {
    local number
    for number in "${groups[@]}"; do kill -INT -- "-$number" 2>/dev/null || true; done
    for number in "${groups[@]}"; do
        within 60 group_is_gone "$number" || kill -KILL -- "-$number" 2>/dev/null || true
        wait "$number" 2>/dev/null || true
    done
    groups=()
}
group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null; }

# within SECONDS COMMAND…: repeats COMMAND until it succeeds; fails if that takes too long.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# end_strays DIR: kills the remaining processes that have DIR in their environment. Foundation starts processes in
# groups of their own, which end_groups does not know.
end_strays() {
    local process
    for process in /proc/[0-9]*; do
        if grep -qzF -- "$1/" "$process/environ" 2>/dev/null; then kill -KILL "${process##*/}" 2>/dev/null || true; fi
    done
}

# count_tests REPORT: reads an xunit report. Prints the numbers of passed, failed and skipped tests, and of those passed
# against the cluster. Prints the names of skipped tests to stderr.
count_tests() {
    awk '
        /<testcase / { finish(); open = 1; match($0, /classname="[^"]*"/); class = substr($0, RSTART + 11, RLENGTH - 12)
                       match($0, / name="[^"]*"/); name = substr($0, RSTART + 7, RLENGTH - 8); state = "passed" }
        /<failure/ || /<error/ { state = "failed" }
        /<skipped/ { state = "skipped"; print "skipped: " class " " name >"/dev/stderr" }
        END { finish(); print n["passed"] + 0, n["failed"] + 0, n["skipped"] + 0, cluster + 0 }
        function finish() {
            if (!open) return
            n[state]++
            if (state == "passed" && class ~ /^IntegrationTests(\.|$)/) cluster++
            open = 0
        }' "$1"
}

# needed PACKAGE…: prints the packages that are not installed.
needed() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
    done
}

# install_packages PACKAGE…: installs only the missing packages.
install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this is not Debian: assuming that the equivalents of these packages are installed: $*"
        return
    fi
    local missing=() as_root=()
    mapfile -t missing < <(needed "$@" | sort -u)
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "packages are missing, and neither root nor sudo is available; as root run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing from Debian: ${missing[*]}"
    local log attempt
    log=$(mktemp)
    # Twice, because mirrors fail now and then more often than packages are missing. It waits if another apt-get holds
    # the lock.
    for attempt in 1 2; do
        if "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
                install --yes --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
            rm -f "$log"
            return
        fi
        if ((attempt == 1)); then sleep 5; fi
    done
    show_end "$log"
    rm -f "$log"
    die "apt-get could not install these; try it by hand as root: apt-get install ${missing[*]}"
}

# need_swift: requires a toolchain that can read Package.swift.
need_swift() {
    local version
    command -v swift >/dev/null ||
        die "no swift command found; install Swift 6.2 or newer from https://www.swift.org/install and put it on the PATH"
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
    [[ -n $version ]] ||
        die "the swift command does not print its version; install Swift 6.2 or newer from https://www.swift.org/install"
    ((${version%.*} > 6 || (${version%.*} == 6 && ${version#*.} >= 2))) ||
        die "Swift $version is too old; install Swift 6.2 or newer from https://www.swift.org/install"
}

# port_is_free PORT: whether nothing on this machine holds the port. It reads the kernel's tables, and so opens no
# connection. States 01 (established) and 0A (listening) hold a port; a port in state 06 (time-wait) can be bound again.
port_is_free() {
    local hex
    printf -v hex '%04X' "$1"
    ! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port=":$hex" 'substr($2, length($2) - 4) == port && $4 != "06" { found = 1 } END { exit !found }'
}

# free_port [COUNT]: the first of COUNT consecutive free ports, below the range that the kernel assigns to clients.
free_port() {
    local count=${1:-1} port offset try
    for try in {1..200}; do
        port=$((20000 + (RANDOM << 15 | RANDOM) % 12000))
        for ((offset = 0; offset < count; offset++)); do
            port_is_free $((port + offset)) || continue 2
        done
        printf '%s\n' "$port"
        return
    done
    die "no free port found between 20000 and 32000 after $try tries"
}

# make_work NAME: a private directory for this run, in work. end_work removes it and ends the cluster in it.
work='' keep_work=''
make_work() { work=$(mktemp -d "${TMPDIR:-/tmp}/rbd-$1.XXXXXX"); }
end_work() {
    [[ -z $keep_work ]] || return 0
    if [[ -e $work/cluster ]]; then "$root/dev/cluster" stop "$work/cluster" || return 0; fi
    rm -rf -- "$work"
}

# use_cluster_of_our_own: starts a cluster in the work directory, and exports its CEPH_CONF; ends the script if that
# fails. `cluster_options` has further options for dev/cluster start.
cluster_options=()
use_cluster_of_our_own() {
    forget_other_clusters
    in_group "$root/dev/cluster" start "${cluster_options[@]}" "$work/cluster" >/dev/null || {
        # dev/cluster has printed the reason and the path of its logs.
        keep_work=yes
        exit 1
    }
    export CEPH_CONF=$work/cluster/ceph.conf
}

# make_service_user: creates the user of docs/security.md that may also administer pools in CEPH_CONF's cluster, with
# the command of that page. `service_user` has the daemon's options for it. Everything is tested as this user, never as
# client.admin.
service_user=()
make_service_user() {
    local name=client.rbd-pools command
    command=$(awk -v begin="    ceph auth get-or-create $name " \
        'index($0, begin) == 1 { found = 1 } found && !NF { exit } found' "$root/docs/security.md")
    [[ -n $command ]] || die "docs/security.md has no command that creates $name"
    if ! (umask 077 && timeout 60 bash -c "$command" >"$work/$name.keyring" 2>"$work/$name.log" </dev/null); then
        show_end "$work/$name.log"
        die "$name could not be created in the cluster of $CEPH_CONF; above is why. That file must name a keyring with client.admin, and" \
            "the user must not exist with other capabilities"
    fi
    service_user=(--ceph-user "$name" --ceph-keyring "$work/$name.keyring")
}

# check WHAT COMMAND…: runs a check, prints a line for it, and counts it in `passed` or `failed`. The command prints to
# standard output why it fails. Needs a work directory.
passed=0 failed=0
check() {
    local what=$1
    shift
    if "$@" >"$work/why"; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$what"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$what"
        head -n 20 "$work/why" | sed 's/^/        /'
    fi
}

# forget_other_clusters: unsets every variable that could lead the service or a test to a cluster other than
# CEPH_CONF's.
forget_other_clusters() { unset CEPH_ARGS CEPH_KEYRING "${!RBD_REST_API_@}"; }

# start_service LOG BINARY ARGUMENT…: starts the daemon in its own process group, so that the script handles Ctrl-C
# first. Waits until it serves and its cluster answers, and sets service_pid and service_url. The daemon prints its
# address.
service_pid='' service_url=''
start_service() {
    local log=$1
    shift
    set -m
    "$@" </dev/null >"$log" 2>&1 &
    service_pid=$!
    set +m
    if within 30 service_listens "$log" && [[ -n $service_url ]] && within 60 service_is_ready; then return; fi
    show_end "$log"
    if service_lives; then
        die "the daemon did not become ready; above is the end of its log"
    else
        die "the daemon stopped before it was ready; above is the end of its log"
    fi
}

service_lives() { [[ -n $service_pid ]] && kill -0 "$service_pid" 2>/dev/null; }

# Both succeed if the daemon is dead, which ends the waiting. start_service then checks the result.
service_listens() {
    service_url=$(sed -nE 's/.*rbd-rest-api listening on (http:[^ ]+).*/\1/p' "$1" | head -n 1)
    [[ -n $service_url ]] || ! service_lives
}
service_is_ready() { curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$service_url/readyz"; }

# stop_service: sends SIGTERM, so that the daemon finishes requests in flight; SIGKILL if that takes too long.
stop_service() {
    service_lives || return 0
    kill -TERM "$service_pid" 2>/dev/null || true
    # A little longer than the daemon's own --shutdown-timeout.
    within 40 service_is_gone || {
        say "the daemon did not stop within 40 seconds and was killed"
        kill -KILL "$service_pid" 2>/dev/null || true
    }
    wait "$service_pid" 2>/dev/null || true
    service_pid=
}

service_is_gone() { ! service_lives; }

# balance ADDRESS PORT…: starts a balancer at port 443 of the address, in front of the replicas at these ports of
# 127.0.0.1. Needs a work directory, root and the package haproxy.
balancer=''
balance() {
    local address=$1 port
    shift
    cat >"$work/haproxy.cfg" <<CFG
defaults
    mode tcp
    timeout connect 2s
    timeout client 200s
    timeout server 200s
    option redispatch
listen webhook
    bind $address:443
    balance roundrobin
CFG
    for port in "$@"; do
        printf '    server replica-%s 127.0.0.1:%s check inter 200ms fall 1 rise 1\n' "$port" "$port"
    done >>"$work/haproxy.cfg"
    setsid haproxy -db -f "$work/haproxy.cfg" </dev/null >"$work/haproxy.log" 2>&1 &
    balancer=$!
    if ! within 10 listens "$address" || ! kill -0 "$balancer" 2>/dev/null; then
        show_end "$work/haproxy.log"
        die "haproxy does not listen on $address; above is why"
    fi
}
listens() { kill -0 "$balancer" 2>/dev/null && (exec 3<>"/dev/tcp/$1/443") 2>/dev/null; }
end_balance() {
    [[ -n $balancer ]] || return 0
    kill "$balancer" 2>/dev/null || true
    wait "$balancer" 2>/dev/null || true
    balancer=''
}
