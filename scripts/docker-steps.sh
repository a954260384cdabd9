#!/usr/bin/env bash
# Executes the steps of ops/docker/Dockerfile on a machine without a docker daemon, in an empty folder, as a user who is not root; then starts
# what was built, asks its health check, and stops it with SIGTERM. Every stage is a folder, and absolute paths of the image lead into it.
# What that cannot show: the base image itself, the users of the image (nothing changes owners here), and the isolation of a container.
set -euo pipefail

readonly FILE=ops/docker/Dockerfile

say() { printf '%s\n' "$*"; }
fail() { printf 'docker-steps: %s\n' "$*" >&2; exit 1; }

# ---- Preparation, as whoever runs this: what is needed goes to a folder that an unprivileged user can read ----

# The build context as .dockerignore leaves it. Only its allowing form is understood: "*", then "!name".
copy_context() {
  local from=$1 to=$2 line seen=
  mkdir "$to"
  while IFS= read -r line; do
    case $line in
      '' | '#'*) ;;
      '*') seen=1 ;;
      '!'*) [ -n "$seen" ] || fail ".dockerignore: $line before *"; cp -R "$from/${line#!}" "$to/" ;;
      *) fail ".dockerignore: $line is not understood here" ;;
    esac
  done <"$from/.dockerignore"
}

# The Node that the clone is pinned to stands for the base image's, and chown does nothing: all belongs to one user.
copy_tools() {
  local from=$1 to=$2 pinned
  mkdir "$to"
  pinned=$from/node_modules/.bin/node
  [ -x "$pinned" ] || pinned=$(command -v node)
  cp -L "$pinned" "$to/node"
  printf '#!/bin/sh\necho "not executed: chown $*"\n' >"$to/chown"
  chmod 755 "$to/node" "$to/chown"
}

copy_npm_cache() {
  local cache
  cache=$(npm config get cache 2>/dev/null)/_cacache
  mkdir "$1"
  if [ -d "$cache" ]; then cp -R --reflink=auto "$cache" "$1/"; fi
}

prepare_and_run() {
  local source status=0
  source=$(cd "$(dirname "$0")/.." && pwd)
  folder=$(mktemp -d "${TMPDIR:-/tmp}/chasqui-image-XXXXXX")
  trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
  copy_context "$source" "$folder/context"
  copy_tools "$source" "$folder/tools"
  copy_npm_cache "$folder/npm-cache"
  cp "$source/$FILE" "$folder/Dockerfile"
  cp "$0" "$folder/docker-steps.sh"
  mkdir "$folder/home"
  if [ "$(id -u)" -ne 0 ]; then
    bash "$folder/docker-steps.sh" --in "$folder" || status=$?
  else
    chown -R nobody "$folder"
    runuser -u nobody -- bash "$folder/docker-steps.sh" --in "$folder" || status=$?
  fi
  return "$status"
}

# ---- The steps, as a user who is not root ----

declare -A stages=()    # name -> folder
declare -a image_env=() # NAME=value
declare -a command_words=() health_words=()
stage= workdir=/ user=root stop_signal=SIGTERM count=0

# A path of the image as a path of the stage's folder.
inside() {
  case $1 in
    /*) printf '%s' "$stage$1" ;;
    *) printf '%s' "$stage${workdir%/}/${1#./}" ;;
  esac
}

# The words of a JSON list, each ended by a NUL.
json_words() { node -e 'for (const word of JSON.parse(process.argv[1])) process.stdout.write(`${word}\0`)' "$1"; }

# The text of a RUN with its absolute paths led into the stage's folder. Folders of the image are known from WORKDIR and ENV.
rooted() {
  local text=$1 entry folder
  for entry in "WORKDIR=$workdir" "${image_env[@]}"; do
    folder=${entry#*=}
    case $folder in "$stage"/*) folder=${folder#"$stage"} ;; esac
    case $folder in /?*) text=$(sed -E "s#(^|[[:space:]])$folder(/|[[:space:]]|\$)#\1$stage$folder\2#g" <<<"$text") ;; esac
  done
  printf '%s' "$text"
}

# The environment of the image and nothing of ours, except what stands in for the machine.
in_image() {
  local where
  where=$(inside "$workdir")
  (cd "$where" && exec env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder/home" npm_config_cache="$folder/npm-cache" npm_config_prefer_offline=true \
    ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} "${image_env[@]}" "$@")
}

do_from() {
  local image=$1 name=${3:-final}
  [[ $image =~ ^node:([0-9]+)-slim$ ]] || fail "FROM $image: only node:<major>-slim can be stood in for"
  [ "$(node -p 'process.versions.node.split(".")[0]')" = "${BASH_REMATCH[1]}" ] || fail "FROM $image: this Node is $(node -v)"
  count=$((count + 1))
  stage=$folder/stage-$count workdir=/ user=root image_env=() command_words=() health_words=()
  mkdir "$stage"
  stages[$name]=$stage
}

do_copy() {
  local from=$folder/context words=("$@") target source
  if [[ ${words[0]} == --from=* ]]; then
    from=${stages[${words[0]#--from=}]:-}
    [ -n "$from" ] || fail "COPY ${words[0]}: no such stage"
    words=("${words[@]:1}")
  fi
  [[ ${words[0]} != --* ]] || fail "COPY ${words[0]} is not understood here"
  target=$(inside "${words[-1]}")
  for source in "${words[@]:0:${#words[@]}-1}"; do
    # As Docker does: of a folder its content, of files the files.
    if [ -d "$from/${source#/}" ]; then mkdir -p "$target" && cp -R "$from/${source#/}/." "$target/"
    else mkdir -p "$(dirname "$target/x")" && cp "$from/${source#/}" "$target/"; fi
  done
}

do_env() {
  local entry
  for entry in "$@"; do
    case ${entry#*=} in /*) image_env+=("${entry%%=*}=$stage${entry#*=}") ;; *) image_env+=("$entry") ;; esac
  done
}

do_healthcheck() {
  [[ $1 =~ CMD\ (\[.*\])$ ]] || fail "HEALTHCHECK must have the exec form: $1"
  mapfile -d '' -t health_words < <(json_words "${BASH_REMATCH[1]}")
}

do_cmd() {
  [[ $1 == '['*']' ]] || fail "CMD must have the exec form, or signals end at a shell: $1"
  mapfile -d '' -t command_words < <(json_words "$1")
}

step() {
  local name=${1%% *} rest=${1#* }
  say "[$((++steps))] $1"
  # shellcheck disable=SC2086 # words are what these instructions have
  case $name in
    FROM) do_from $rest ;;
    WORKDIR) workdir=$rest && mkdir -p "$(inside "$rest")" ;;
    COPY) do_copy $rest ;;
    RUN) in_image sh -c "$(rooted "$rest")" ;;
    ENV) do_env $rest ;;
    USER) user=$rest ;;
    STOPSIGNAL) stop_signal=$rest ;;
    HEALTHCHECK) do_healthcheck "$rest" ;;
    CMD) do_cmd "$rest" ;;
    LABEL | EXPOSE) ;;
    *) fail "$name is not understood here" ;;
  esac
}

run_steps() {
  local line text=
  while IFS= read -r line <&3 || [ -n "$line" ]; do
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    if [[ $line == *\\ ]]; then text+=${line%\\}; continue; fi
    step "$text$line"
    text=
  done 3<"$folder/Dockerfile"
}

check_image() {
  [ "$user" != root ] && [ "$user" != 0 ] || fail 'the image runs as root'
  [ ${#command_words[@]} -gt 0 ] || fail 'the image has no CMD'
  [ ${#health_words[@]} -gt 0 ] || fail 'the image has no HEALTHCHECK'
  [ ! -e "$(inside node_modules/typescript)" ] || fail 'the image holds development dependencies'
  [ ! -e "$(inside src)" ] || fail 'the image holds sources'
}

start_and_stop() {
  local port child code=0 tries=0
  port=$(node -e 'const s = require("node:net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
  image_env+=("PORT=$port")
  # As with a read-only root filesystem: only the data folder and the temporary one may be written to.
  chmod -R a-w "$(inside "$workdir")"
  (cd "$(inside "$workdir")" && exec env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder/home" "${image_env[@]}" "${command_words[@]}") >"$folder/output" 2>&1 &
  child=$!
  # shellcheck disable=SC2064 # the number as it is now
  trap "kill -KILL $child 2>/dev/null || true" EXIT
  until in_image "${health_words[@]}" >"$folder/health" 2>&1; do
    kill -0 "$child" 2>/dev/null || fail "it ended: $(cat "$folder/output")"
    [ $((++tries)) -lt 60 ] || fail "never healthy: $(cat "$folder/health" "$folder/output")"
    sleep 0.5
  done
  say "healthy: $(cat "$folder/health")"
  node -e 'fetch(process.argv[1]).then(async (r) => { if (!r.ok || !/<html/i.test(await r.text())) process.exit(1); })' "http://127.0.0.1:$port/" || fail 'the page of the playground is missing'
  say 'the page is served'
  kill -s "${stop_signal#SIG}" "$child"
  wait "$child" || code=$?
  trap - EXIT
  [ "$code" -eq 0 ] || fail "$stop_signal ended it with exit code $code: $(cat "$folder/output")"
  say "$stop_signal: exit code 0"
  if in_image "${health_words[@]}" >/dev/null 2>&1; then fail 'the health check succeeds without a process'; fi
  say 'stopped: the health check fails'
}

if [ "${1:-}" = --in ]; then
  folder=$2 steps=0
  [ "$(id -u)" -ne 0 ] || fail 'must not run as root'
  export PATH="$folder/tools:$PATH"
  cd "$folder"
  run_steps
  check_image
  start_and_stop
  say 'docker-steps: passed'
else
  prepare_and_run
fi
