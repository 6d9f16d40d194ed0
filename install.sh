#!/bin/sh
# Installs skiff, a whole Kubernetes in one executable, on this machine and starts it.
#
#   ./install.sh [flags of "skiff server"]      from a checkout: builds it first
#   curl -sfL URL | sh -s - [flags]             with INSTALL_SKIFF_URL naming where the executable is
#   SKIFF_URL=https://SERVER:6443 SKIFF_TOKEN=SECRET ./install.sh [flags of "skiff agent"]
#   ./install.sh --uninstall                    removes everything this script and skiff made
#
# INSTALL_SKIFF_BINARY      path of an executable to install instead of building or downloading one
# INSTALL_SKIFF_URL         where to download the executable from; "-x64" or "-arm64" is put behind it
# INSTALL_SKIFF_BIN_DIR     where to put it (/usr/local/bin)
# INSTALL_SKIFF_SKIP_START  "true": install, but start nothing
# INSTALL_SKIFF_EXEC        more flags, in front of those on the command line
set -eu

BIN_DIR=${INSTALL_SKIFF_BIN_DIR:-/usr/local/bin}
BIN=$BIN_DIR/skiff
CONFIG_DIR=/etc/skiff
DATA_DIR=/var/lib/skiff
LOG=/var/log/skiff.log
PID=/run/skiff.pid
LEDGER=$CONFIG_DIR/installed
DOCKER_PID=/run/skiff-docker.pid
DOCKER_CONFIG=/etc/docker/daemon.json
DOCKER_SETTINGS='{ "live-restore": true }'
DOCKER_LOG=/var/log/skiff-docker.log

say() { printf '%s\n' "$*"; }
fail() { printf 'skiff: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

main() {
  [ "$(id -u)" = 0 ] || fail "must run as root: put sudo in front"
  [ "$(uname -s)" = Linux ] || fail "runs on Linux only"
  if [ "${1:-}" = --uninstall ]; then uninstall; return; fi
  role=server
  [ -z "${SKIFF_URL:-}" ] || role=agent
  case ${1:-} in server | agent) role=$1; shift ;; esac
  # shellcheck disable=SC2086
  set -- ${INSTALL_SKIFF_EXEC:-} "$@"
  install_packages
  install_binary
  configure_docker
  start_docker
  write_config
  if [ "${INSTALL_SKIFF_SKIP_START:-}" = true ]; then
    say "Installed $BIN. Start it with: skiff $role $*"
    return
  fi
  note_places "$@"
  start_skiff "$role" "$@"
  if [ "$role" = agent ]; then wait_joined "$@"; else wait_ready "$@"; fi
}

# What was made is written down, so that --uninstall undoes exactly that.
note() { mkdir -p "$CONFIG_DIR"; grep -qxF "$1" "$LEDGER" 2>/dev/null || printf '%s\n' "$1" >>"$LEDGER"; }
noted() { grep -qxF "$1" "$LEDGER" 2>/dev/null; }

# flag_value NAME FLAGS...: what a flag is set to, on the command line or in the configuration file; nothing if it is not.
flag_value() {
  name=$1
  shift
  value=
  while [ $# -gt 0 ]; do
    case $1 in
      --"$name"=*) value=${1#*=} ;;
      --"$name") value=${2:-} ;;
    esac
    shift
  done
  [ -n "$value" ] || value=$(sed -n "s/^$name:[[:space:]]*//p" "$CONFIG_DIR/config.yaml" 2>/dev/null | tr -d "\"'" | tail -n 1)
  printf '%s' "$value"
}

# Where things are, for --uninstall: flags of this run are not known then.
note_places() {
  for name in data-dir run-dir log-dir docker-socket node-name; do
    value=$(flag_value "$name" "$@")
    [ -z "$value" ] || note "flag --$name=$value"
  done
  value=$(flag_value write-kubeconfig "$@")
  case $value in '' | "$CONFIG_DIR"/*) ;; *) note "kubeconfig $value" ;; esac
}

# Package lists may be missing on a fresh machine, or too old to be of use.
apt_install() {
  [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  }
}

install_packages() {
  missing=
  have dockerd || missing="$missing docker"
  have iptables || missing="$missing iptables"
  have conntrack || missing="$missing conntrack"
  have ip || missing="$missing iproute"
  [ -n "$missing" ] || return 0
  say "Installing from the distribution:$missing"
  if have apt-get; then
    names=$(echo "$missing" | sed 's/docker/docker.io/; s/iproute/iproute2/')
    # shellcheck disable=SC2086
    apt_install $names
  elif have dnf; then
    names=$(echo "$missing" | sed 's/docker/moby-engine/; s/conntrack/conntrack-tools/')
    # shellcheck disable=SC2086
    dnf install -y -q $names
  elif have zypper; then
    names=$(echo "$missing" | sed 's/conntrack/conntrack-tools/; s/iproute/iproute2/')
    # shellcheck disable=SC2086
    zypper --non-interactive install $names
  elif have apk; then
    names=$(echo "$missing" | sed 's/conntrack/conntrack-tools/; s/iproute/iproute2/')
    # shellcheck disable=SC2086
    apk add -q $names
  elif have pacman; then
    names=$(echo "$missing" | sed 's/conntrack/conntrack-tools/; s/iproute/iproute2/')
    # shellcheck disable=SC2086
    pacman -Sy --noconfirm --needed $names
  else
    fail "cannot install$missing: no package manager known to this script was found. Install them and run this again"
  fi
  note "packages$missing"
}

install_binary() {
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no skiff for $(uname -m) machines, only for x86_64 and aarch64" ;;
  esac
  here=$(cd "$(dirname "$0")" 2>/dev/null && pwd || echo /)
  mkdir -p "$BIN_DIR"
  if [ -n "${INSTALL_SKIFF_BINARY:-}" ]; then
    [ -f "$INSTALL_SKIFF_BINARY" ] || fail "INSTALL_SKIFF_BINARY: there is no file $INSTALL_SKIFF_BINARY"
    put_binary "$INSTALL_SKIFF_BINARY"
  elif [ -f "$here/build/build.ts" ]; then
    build "$here"
    put_binary "$here/dist/skiff"
  elif [ -n "${INSTALL_SKIFF_URL:-}" ]; then
    say "Downloading $INSTALL_SKIFF_URL-$arch"
    temporary=$(mktemp)
    if have curl; then curl -sfL -o "$temporary" "$INSTALL_SKIFF_URL-$arch" || fail "cannot download $INSTALL_SKIFF_URL-$arch"
    else wget -qO "$temporary" "$INSTALL_SKIFF_URL-$arch" || fail "cannot download $INSTALL_SKIFF_URL-$arch"; fi
    put_binary "$temporary"
    rm -f "$temporary"
  elif [ -x "$BIN" ]; then
    say "Keeping $BIN"
  else
    fail "nothing to install: run this from a checkout, or set INSTALL_SKIFF_URL or INSTALL_SKIFF_BINARY"
  fi
}

# A running executable cannot be written to, but its name can be given to another file.
put_binary() {
  cp "$1" "$BIN.new"
  chmod 755 "$BIN.new"
  mv -f "$BIN.new" "$BIN"
  note "binary $BIN"
}

build() {
  if [ -x "$1/dist/skiff" ] && [ -z "$(find "$1/src" "$1/build" "$1/package-lock.json" -newer "$1/dist/skiff" -type f -not -path '*/generated/*' -print -quit)" ]; then
    return 0
  fi
  say "Building skiff (once; takes a minute)"
  need=
  have npm || need="npm"
  have cc || need="$need gcc libc6-dev"
  have strip || need="$need binutils"
  if [ -n "$need" ]; then
    have apt-get || fail "building needs npm and a C compiler: install them and run this again"
    # shellcheck disable=SC2086
    apt_install $need
  fi
  [ -d "$1/node_modules/esbuild" ] || (cd "$1" && npm ci --loglevel=error --no-audit --no-fund)
  (cd "$1" && npm run --silent build)
}

init_system() {
  if [ -d /run/systemd/system ]; then echo systemd
  elif have rc-service && [ -d /run/openrc ]; then echo openrc
  else echo none; fi
}

# The client is a package of its own in places; skiff does not need it, and waits for Docker by itself.
docker_answers() {
  [ -S /var/run/docker.sock ] || return 1
  have docker || return 0
  docker version >/dev/null 2>&1
}

# A process that outlives this script and is no business of the terminal's.
background() {
  log=$1
  shift
  if have setsid; then setsid nohup "$@" >>"$log" 2>&1 </dev/null &
  else nohup "$@" >>"$log" 2>&1 </dev/null & fi
}

# end_process PID SECONDS: politely, then not.
end_process() {
  kill "$1" 2>/dev/null || return 0
  i=$(($2 * 5))
  while kill -0 "$1" 2>/dev/null; do
    i=$((i - 1))
    [ $i -gt 0 ] || { kill -9 "$1" 2>/dev/null || true; return 0; }
    sleep 0.2
  done
}

# runs PID FILE: whether that process is that program; its number may have been given to somebody else since.
runs() {
  path=$(readlink -f "$2" 2>/dev/null) || path=$2
  [ "$(readlink "/proc/$1/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$path" ]
}

# Containers shall outlive a restart of Docker. A Docker that was here before is its owner's to configure.
configure_docker() {
  [ ! -e "$DOCKER_CONFIG" ] && grep -q '^packages.*docker' "$LEDGER" 2>/dev/null || return 0
  mkdir -p "$(dirname "$DOCKER_CONFIG")"
  printf '%s\n' "$DOCKER_SETTINGS" >"$DOCKER_CONFIG"
  note "docker-config"
  case $(init_system) in
    systemd) systemctl reload docker >/dev/null 2>&1 || true ;;
    openrc) rc-service docker reload >/dev/null 2>&1 || true ;;
  esac
}

start_docker() {
  docker_answers && return 0
  case $(init_system) in
    systemd) systemctl enable --now docker >/dev/null 2>&1 || true ;;
    openrc) rc-update add docker default >/dev/null 2>&1 || true; rc-service docker start >/dev/null 2>&1 || true ;;
    none)
      have dockerd || fail "there is no dockerd to start"
      say "There is no init system: starting dockerd in the background (log: $DOCKER_LOG, process: $DOCKER_PID)"
      background "$DOCKER_LOG" dockerd
      echo $! >"$DOCKER_PID"
      note "docker-process"
      ;;
  esac
  i=0
  until docker_answers; do
    i=$((i + 1))
    [ $i -lt 60 ] || fail "Docker does not answer on /var/run/docker.sock after 60 s; see its log (journalctl -u docker, or $DOCKER_LOG)"
    sleep 1
  done
}

write_config() {
  [ -f "$CONFIG_DIR/config.yaml" ] && return 0
  mkdir -p "$CONFIG_DIR"
  printf '# Flags of skiff may stand here too, one "name: value" a line; see: skiff server --help\n' >"$CONFIG_DIR/config.yaml"
}

start_skiff() {
  role=$1
  shift
  if [ "$role" = agent ]; then
    umask 077
    printf 'SKIFF_SERVER=%s\nSKIFF_TOKEN=%s\n' "${SKIFF_URL:-}" "${SKIFF_TOKEN:-}" >"$CONFIG_DIR/skiff.env"
    umask 022
  elif [ -n "${SKIFF_TOKEN:-}" ]; then
    umask 077
    printf 'SKIFF_TOKEN=%s\n' "$SKIFF_TOKEN" >"$CONFIG_DIR/skiff.env"
    umask 022
  fi
  case $(init_system) in
    systemd) start_systemd "$role" "$@" ;;
    openrc) start_openrc "$role" "$@" ;;
    none) start_background "$role" "$@" ;;
  esac
}

start_systemd() {
  role=$1
  shift
  cat >/etc/systemd/system/skiff.service <<UNIT
[Unit]
Description=skiff, a whole Kubernetes in one executable ($role)
After=network-online.target docker.service
Wants=network-online.target docker.service

[Service]
Type=exec
EnvironmentFile=-$CONFIG_DIR/skiff.env
ExecStart=$BIN $role$(systemd_words "$@")
# Pods are Docker's children and go on running.
KillMode=process
Restart=always
RestartSec=2
# Wrong flags do not get better by trying again.
RestartPreventExitStatus=2
LimitNOFILE=1048576
Delegate=yes

[Install]
WantedBy=multi-user.target
UNIT
  note "unit /etc/systemd/system/skiff.service"
  systemctl daemon-reload
  systemctl enable skiff >/dev/null 2>&1
  systemctl restart skiff
}

start_openrc() {
  role=$1
  shift
  cat >/etc/init.d/skiff <<UNIT
#!/sbin/openrc-run
description="skiff, a whole Kubernetes in one executable ($role)"
supervisor=supervise-daemon
command=$BIN
command_args="$role$(openrc_words "$@")"
output_log=$LOG
error_log=$LOG
respawn_delay=2
[ -f $CONFIG_DIR/skiff.env ] && . $CONFIG_DIR/skiff.env && export SKIFF_SERVER SKIFF_TOKEN
depend() {
  need net docker
}
UNIT
  chmod 755 /etc/init.d/skiff
  note "unit /etc/init.d/skiff"
  rc-update add skiff default >/dev/null
  rc-service skiff restart >/dev/null
}

start_background() {
  role=$1
  shift
  stop_background
  say "There is no init system: starting skiff in the background (log: $LOG, process: $PID)"
  # shellcheck disable=SC1091
  if [ -f "$CONFIG_DIR/skiff.env" ]; then set -a; . "$CONFIG_DIR/skiff.env"; set +a; fi
  background "$LOG" "$BIN" "$role" "$@"
  pid=$!
  echo $pid >"$PID"
  # Until then it is still one of the programs that start it.
  i=0
  until runs $pid "$BIN" || [ $i -ge 20 ]; do i=$((i + 1)); sleep 0.1; done
  note "background"
}

stop_background() {
  [ -f "$PID" ] || return 0
  pid=$(cat "$PID")
  if runs "$pid" "$BIN"; then end_process "$pid" 30; fi
  rm -f "$PID"
}

# Each argument as one word of a unit's command line: systemd expands "%" and "$" even within quotes.
systemd_words() { for argument in "$@"; do printf ' "%s"' "$(printf '%s' "$argument" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')"; done; }

# Within double quotes that the init script's shell reads once, and supervise-daemon's caller once more.
# shellcheck disable=SC2016
openrc_words() { for argument in "$@"; do printf ' \\"%s\\"' "$(printf '%s' "$argument" | sed 's/[\\"$`]/\\&/g; s/[\\"$`]/\\&/g')"; done; }

end_of_log() {
  case $(init_system) in
    systemd) journalctl -u skiff -n 20 --no-pager >&2 || true ;;
    *) tail -n 20 "$LOG" >&2 || true ;;
  esac
}

# Whoever starts it in the background sees at once when it gives up; elsewhere the init system tries again.
gave_up() { [ "$(init_system)" = none ] && ! runs "$(cat "$PID" 2>/dev/null)" "$BIN"; }

wait_joined() {
  data=$(flag_value data-dir "$@")
  say "Waiting for the server to take this node"
  i=0
  until [ -s "${data:-$DATA_DIR}/agent/cluster.json" ]; do
    i=$((i + 1))
    if gave_up; then end_of_log; fail "the agent has ended; why stands above"; fi
    if [ $i -ge 60 ]; then
      end_of_log
      fail "the server did not take this node within 60 s; the end of the log stands above. skiff goes on trying"
    fi
    sleep 1
  done
  # It may have been there from before, while this start fails.
  sleep 1
  if gave_up; then end_of_log; fail "the agent has ended; why stands above"; fi
  say
  say "This machine is a node of the cluster now. On the server, type next:"
  say "  kubectl get nodes"
}

wait_ready() {
  kubeconfig=$(flag_value write-kubeconfig "$@")
  kubeconfig=${kubeconfig:-$CONFIG_DIR/kubeconfig.yaml}
  say "Waiting for the node to be Ready"
  i=0
  until "$BIN" status --wait 5 --kubeconfig "$kubeconfig" 2>/dev/null >&2; do
    i=$((i + 1))
    if gave_up; then end_of_log; fail "skiff has ended; why stands above"; fi
    if [ $i -ge 24 ]; then
      end_of_log
      "$BIN" status --kubeconfig "$kubeconfig" >&2 || true
      fail "the node did not become Ready within 120 s; the end of the log stands above"
    fi
  done
  if gave_up; then end_of_log; fail "skiff has ended; why stands above"; fi
  "$BIN" status --kubeconfig "$kubeconfig"
  say
  say "Kubernetes is ready. Type next:"
  if [ "$kubeconfig" != "${HOME:-/root}/.kube/config" ]; then say "  export KUBECONFIG=$kubeconfig"; fi
  say "  kubectl get nodes"
  if ! have kubectl; then
    say
    say "There is no kubectl on this machine yet. Any version from 1.27 on will do:"
    if have apt-cache && apt-cache policy kubernetes-client 2>/dev/null | grep -q 'Candidate: [0-9]'; then say "  apt-get install kubernetes-client"
    else say "  see https://kubernetes.io/docs/tasks/tools/"; fi
  fi
}

# Docker goes only if this script started it and nobody else uses it by now.
stop_docker() {
  noted docker-process && [ -f "$DOCKER_PID" ] || return 0
  pid=$(cat "$DOCKER_PID")
  runs "$pid" "$(command -v dockerd)" || return 0
  if have docker && [ -n "$(docker ps -q 2>/dev/null)" ]; then
    say "Docker goes on running (process $pid): it has containers that are not skiff's"
    return 0
  fi
  end_process "$pid" 30
  rm -f "$DOCKER_PID" "$DOCKER_LOG"
}

# remove_data FOLDER: what skiff keeps there. Never what is mounted below: that may be the data of a pod's volume.
remove_data() {
  case $(cat /proc/mounts) in *" $1/"*) fail "something is still mounted below $1 (see /proc/mounts): unmount it and run this again" ;; esac
  rm -rf "$1/server" "$1/agent"
  rmdir "$1" 2>/dev/null || true
}

uninstall() {
  case $(init_system) in
    systemd) systemctl disable --now skiff >/dev/null 2>&1 || true ;;
    openrc) rc-service skiff stop >/dev/null 2>&1 || true; rc-update del skiff default >/dev/null 2>&1 || true ;;
  esac
  stop_background
  if [ -x "$BIN" ]; then
    docker_answers || { have dockerd && (start_docker); } || true
    set --
    while IFS= read -r flag; do set -- "$@" "$flag"; done <<FLAGS
$(sed -n 's/^flag //p' "$LEDGER" 2>/dev/null)
FLAGS
    [ -n "${1:-}" ] || set --
    "$BIN" cleanup "$@" || fail "some of what skiff made could not be removed, see above; run this again when it can"
  fi
  stop_docker
  packages=$(sed -n 's/^packages//p' "$LEDGER" 2>/dev/null | tr '\n' ' ')
  data=$(sed -n 's/^flag --data-dir=//p' "$LEDGER" 2>/dev/null | tail -n 1)
  kubeconfigs=$(sed -n 's/^kubeconfig //p' "$LEDGER" 2>/dev/null | tr '\n' ' ')
  remove_data "${data:-$DATA_DIR}"
  rm -f /etc/systemd/system/skiff.service /etc/init.d/skiff "$LOG"
  [ "$(init_system)" != systemd ] || systemctl daemon-reload
  if noted docker-config && [ "$(cat "$DOCKER_CONFIG" 2>/dev/null)" = "$DOCKER_SETTINGS" ]; then rm -f "$DOCKER_CONFIG"; fi
  rm -rf "$CONFIG_DIR"
  rm -f "$BIN"
  say "skiff is gone."
  [ -z "$kubeconfigs" ] || say "Kubeconfigs outside its folders are still there, as they may hold more by now: $kubeconfigs"
  [ -z "$packages" ] || say "Packages that were installed for it are still there, as others may use them by now:$packages"
}

main "$@"
